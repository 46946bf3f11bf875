"""HTTP: sockets, the pipeline of a request, and the application. Nothing imports it but the emulator itself."""
