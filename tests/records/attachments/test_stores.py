"""Where files are kept: each storage does the same. `ATTACHMENTS_BUCKET` names an S3-compatible one to ask as well.

ATTACHMENTS_BUCKET=http://127.0.0.1:4568/attachments ATTACHMENTS_CREDENTIAL=key:secret:us-east-1
"""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from telehealth.core.sealed import SealedFileBroken
from telehealth.core.time import SystemClock
from telehealth.records.attachments.bucket import BucketStore
from telehealth.records.attachments.directory import DirectoryStore
from telehealth.records.attachments.ports import ObjectStore
from telehealth.records.attachments.rules import StorageAway
from telehealth.records.attachments.sealing import CHUNK, opened_object, sealed_object
from telehealth.records.attachments.signature import Credential, signed
from telehealth.tasks.outbound import open_client

BUCKET, CREDENTIAL = os.environ.get("ATTACHMENTS_BUCKET", ""), os.environ.get("ATTACHMENTS_CREDENTIAL", "::")
STORES = ["directory", *(["bucket"] if BUCKET else [])]
KEY = bytes(range(32))
EXAMPLE = Credential("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1")
THEN = datetime(2013, 5, 24, tzinfo=UTC)


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ObjectStore]:
    async with AsyncExitStack() as stack:
        if request.param == "directory":
            yield DirectoryStore(tmp_path / "files")
        else:
            outbound = await stack.enter_async_context(open_client())
            yield BucketStore(outbound, BUCKET, Credential(*CREDENTIAL.split(":", 2)), clock=SystemClock())


async def test_what_is_put_is_got_until_it_is_deleted(store: ObjectStore) -> None:
    name, content = uuid4(), os.urandom(200_000)
    assert await store.get(name) is None
    await store.put(name, b"an earlier try")
    await store.put(name, content)
    assert await store.get(name) == content
    await store.delete(name)
    await store.delete(name)
    assert await store.get(name) is None


async def test_a_directory_that_cannot_be_written_is_away(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    with pytest.raises(StorageAway):
        await DirectoryStore(tmp_path / "file" / "below").put(uuid4(), b"x")


async def test_a_bucket_that_nobody_answers_for_is_away() -> None:
    async with open_client(deadline=1) as outbound:
        with pytest.raises(StorageAway):
            await BucketStore(outbound, "http://127.0.0.1:9/b", EXAMPLE, clock=SystemClock()).get(uuid4())


def test_requests_are_signed_as_the_published_examples_are() -> None:
    """Amazon S3 API Reference, "Examples: Signature Calculations", GET Object and PUT Object."""
    host = "https://examplebucket.s3.amazonaws.com"
    read = signed("GET", f"{host}/test.txt", EXAMPLE, headers={"Range": "bytes=0-9"}, content=b"", at=THEN)
    assert read["authorization"].endswith("f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
    told = {"Date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"}
    content = b"Welcome to Amazon S3."
    put = signed("PUT", f"{host}/test$file.text", EXAMPLE, headers=told, content=content, at=THEN)
    assert put["authorization"].endswith("98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")


@pytest.mark.parametrize("length", [0, 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_an_object_is_opened_as_it_was_sealed(length: int) -> None:
    name, content = uuid4(), os.urandom(length)
    assert opened_object(sealed_object(content, name, KEY), name, KEY) == content


def test_an_object_that_was_changed_cut_or_moved_is_not_opened() -> None:
    name, content = uuid4(), os.urandom(3 * CHUNK)
    sealed = sealed_object(content, name, KEY)
    head, frame = 26, CHUNK + 16 + 5
    chunks = [sealed[head + at * frame : head + (at + 1) * frame] for at in range(3)]
    for wrong in (
        sealed[:-1],
        sealed[:-frame],
        sealed[:100] + bytes([sealed[100] ^ 1]) + sealed[101:],
        sealed[:head] + b"".join((chunks[1], chunks[0], chunks[2])),
        sealed[:head] + b"".join((chunks[0], chunks[2])),
        sealed + chunks[2],
        b"",
    ):
        with pytest.raises(SealedFileBroken):
            opened_object(wrong, name, KEY)
    with pytest.raises(SealedFileBroken):
        opened_object(sealed, uuid4(), KEY)
