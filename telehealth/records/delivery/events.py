"""What happened to a note on its way into the record."""

from telehealth.records.notes.events import NoteEvent


class NoteDelivered(NoteEvent):
    """It is in the patient record."""

    __slots__ = ()


class NoteHeld(NoteEvent):
    """It is signed and kept, and a person has to look before it reaches the record."""

    __slots__ = ()
