"""Records of finished calls (CDRs) out of Redis into files and webhooks, each exactly once: ``pinhole cdr``."""
