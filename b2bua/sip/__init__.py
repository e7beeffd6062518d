"""SIP without sockets and clocks: messages, transactions, dialogs, authentication. Pure."""
