"""The SIP back-to-back user agent: two dialogs made one call."""
