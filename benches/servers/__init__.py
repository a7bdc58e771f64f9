"""The server processes of the net cells. `python -m benches.servers` is one on an event loop.

* `answers` what they say · `protocols`, `streams`, `others` how they read and write
* `limit` the one without a loop: `python -m benches.servers.limit`
"""
