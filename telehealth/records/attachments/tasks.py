"""What is left over: files whose examination broke off, objects of files that were taken away, uploads given up."""

from telehealth.records.attachments.keeping import Keeper
from telehealth.records.attachments.ports import Examiner, ObjectStore
from telehealth.tasks.work import Lane, Work, sweep


async def settle_files(work: Work) -> int:
    """A batch of each."""
    return await Keeper(work.run, work.port(ObjectStore), work.port(Examiner)).clear()


SUBSCRIPTIONS = ()
SWEEPS = (sweep("records.settle_files", settle_files, every=30.0, lane=Lane.PARTNERS),)
