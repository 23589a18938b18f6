"""What an assistant may ask, over MCP: six tools in front of the service's own API.

It is a client like any other: every answer comes from the API, with the key of whoever asks.
"""
