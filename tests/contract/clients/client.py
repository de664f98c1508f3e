"""Query a parcel as a customer of the vendor would in Python: `json.dumps` as it comes, with spaces and escapes."""

import hashlib
import json
import sys
import urllib.parse
import urllib.request

url, customer, key, com, num, phone, origin, destination = sys.argv[1:]

param = json.dumps(
    {
        "com": com,
        "num": num,
        "phone": phone,
        "from": origin,
        "to": destination,
        "resultv2": "4",
        "show": "0",
        "order": "desc",
    }
)
sign = hashlib.md5((param + key + customer).encode()).hexdigest().upper()  # noqa: S324 - the vendor's way
form = urllib.parse.urlencode({"customer": customer, "param": param, "sign": sign}).encode()
with urllib.request.urlopen(url, form, timeout=10) as response:
    print(response.read().decode())  # noqa: T201 - what it is for
