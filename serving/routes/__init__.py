"""What can be asked over HTTP: each decodes, makes one call, encodes."""
