"""As much of curl as the pages use, for machines that have none.

`python curl.py [-sf] [-o -w -H -d -X --data-binary -u VALUE] URL`
"""

import argparse
import base64
import sys
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

REFUSED = 7
FAILED = 22


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("-s", action="store_true")
    parser.add_argument("-f", action="store_true")
    for name in ("-o", "-w", "-d", "-u", "-X", "--data-binary"):
        parser.add_argument(name)
    parser.add_argument("-H", action="append", default=[])
    parser.add_argument("url")
    asked = parser.parse_args()
    headers = dict(each.split(": ", 1) for each in asked.H)
    if asked.u:
        headers["Authorization"] = f"Basic {base64.b64encode(asked.u.encode()).decode()}"
    body = asked.d.encode() if asked.d else None
    if asked.data_binary:
        body = Path(asked.data_binary.removeprefix("@")).read_bytes()
    request = Request(asked.url, body, headers, method=asked.X)
    try:
        answer = urlopen(request)
    except HTTPError as error:
        answer = error
    except URLError:
        return REFUSED
    with answer:
        status, kind, body = answer.status, answer.headers.get("Content-Type", ""), answer.read()
    if asked.f and status >= 400:
        return FAILED
    if asked.o is None:
        sys.stdout.buffer.write(body)
    else:
        Path(asked.o).write_bytes(body)
    if asked.w:
        told = asked.w.replace("%{http_code}", str(status)).replace("%{content_type}", kind).replace("\\n", "\n")
        sys.stdout.buffer.write(told.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
