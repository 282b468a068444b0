"""Stands in for a web or media process: answers every GET with 200 and the names of its environment."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from os import environ


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps(dict(environ)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(environ[sys.argv[1]])), Answer).serve_forever()
