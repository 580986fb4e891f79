"""A model that is asked over HTTP and WebSocket, on this machine or, with a token, from others."""
