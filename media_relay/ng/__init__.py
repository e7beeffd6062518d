"""rtpengine's ``ng`` control protocol: encoding, messages, a client and the server."""
