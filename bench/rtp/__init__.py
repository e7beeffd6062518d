"""The RTP load: a generator and a verifying receiver."""
