"""What the node lets go no further, and why; each drop is counted (`GET /stats`)."""

from enum import StrEnum


class Drop(StrEnum):
    """Why a datagram, or what was sealed in it, went no further."""

    EMPTY = "empty"
    OVERSIZE = "oversize"
    UNKNOWN_PROTOCOL = "unknown_protocol"
    STRANGER = "stranger"
    STUN_MALFORMED = "stun_malformed"
    STUN_UNAUTHENTICATED = "stun_unauthenticated"
    DTLS_MALFORMED = "dtls_malformed"
    RTP_MALFORMED = "rtp_malformed"
    RTCP_MALFORMED = "rtcp_malformed"
    SCTP_MALFORMED = "sctp_malformed"
    TOO_MANY_SOURCES = "too_many_sources"
    TOO_MANY_STREAMS = "too_many_streams"
    QUEUE_FULL = "queue_full"
    OVER_BUDGET = "over_budget"
    ADDRESS_TAKEN = "address_taken"
    SRTP_REFUSED = "srtp_refused"
    NOT_READY = "not_ready"
    UNHANDLED = "unhandled"
