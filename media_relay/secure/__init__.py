"""Encrypted media: SRTP (RFC 3711) with keys from SDP (RFC 4568), and the sealing of those keys in Redis."""
