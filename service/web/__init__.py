"""The service over HTTP: the ASGI app, its routes and middleware, and the server's lifecycle."""
