"""Who the stack itself is at the emulator: the root of its one account, who may do everything, also where roles are enforced."""

from __future__ import annotations

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
# For requests that are written by hand. The emulator checks the signatures of others only.
AUTHORIZATION = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=test/20000101/us-east-1/any/aws4_request, SignedHeaders=host, Signature=0"
}
