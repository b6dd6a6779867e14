#!/usr/bin/env python3
"""Makes one signed call to the simulator, or to any platform of the family, and prints the answer's body.

    python3 tests/simulator/call.py --ready DIR/ready.json InvokeThingService \\
        ProductKey=k1ymv1DuLfE DeviceName=hall-lamp-1 Identifier=Toggle Args={}

Exit code: 0 the platform says Success, 1 it says no, 2 no answer or wrong usage.
"""

import sys
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import argparse
import http.client
import json

from simulator import client, signature


def read_options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, prog="call.py"
    )
    parser.add_argument("--ready", type=Path, metavar="FILE", required=True, help="ready.json of a running simulator")
    parser.add_argument("--method", choices=("GET", "POST"), default="GET")
    parser.add_argument("--algorithm", choices=tuple(signature.ALGORITHMS), default="HMAC-SHA1")
    parser.add_argument("--client-cert", nargs=2, metavar=("CERT", "KEY"), help="client certificate and its key")
    parser.add_argument("--timeout", type=float, default=20.0, metavar="SECONDS")
    parser.add_argument("--show", action="store_true", help="print the string to sign and the HTTP status to stderr")
    parser.add_argument("action", metavar="ACTION")
    parser.add_argument("parameters", nargs="*", metavar="NAME=VALUE", help="wins over a common parameter of that name")
    options = parser.parse_args(arguments)
    for pair in options.parameters:
        if "=" not in pair:
            parser.error(f"{pair!r} is not NAME=VALUE")
    return options


def main(arguments: list[str]) -> int:
    options = read_options(arguments)
    try:
        ready = json.loads(options.ready.read_text())
        secret = Path(ready["access_key_secret_file"]).read_text().rstrip("\n")
    except (OSError, ValueError) as error:
        print(f"call.py: {error}", file=sys.stderr)
        return 2
    parameters = {"Action": options.action, **client.common_parameters(ready["access_key_id"], options.algorithm)}
    parameters |= dict(pair.split("=", 1) for pair in options.parameters)
    if options.show:
        print(signature.string_to_sign(options.method, parameters), file=sys.stderr)
    context = client.tls_context(ready["ca_file"], options.client_cert)
    connection = client.connect(ready["url"], context, options.timeout)
    try:
        reply = client.send_parameters(
            connection, options.method, signature.signed(options.method, parameters, secret)
        )
    except (OSError, http.client.HTTPException) as error:
        print(f"call.py: no answer: {error or type(error).__name__}", file=sys.stderr)
        return 2
    if options.show:
        print(f"HTTP {reply.status}", file=sys.stderr)
    print(reply.body.decode("utf-8", "replace"))
    return 0 if isinstance(reply.fields, dict) and reply.fields.get("Success") is True else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
