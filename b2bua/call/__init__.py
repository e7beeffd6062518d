"""The call logic: two legs as one call. Pure."""
