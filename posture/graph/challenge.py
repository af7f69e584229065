"""Claims challenges: Conditional Access asking for a token with more in it.

Source: https://learn.microsoft.com/entra/identity-platform/claims-challenge
"""

import base64
import binascii
import re

_CLAIMS = re.compile(r'claims="([^"]{1,8192})"')


def claims_asked_for(header: str) -> str:
    """Return the claims of a `WWW-Authenticate` header as JSON text, "" where it asks for none."""
    found = _CLAIMS.search(header) if header[:6].casefold() == "bearer" else None
    if found is None:
        return ""
    text = found[1]
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
