"""Everything posture raises on purpose, as one tree.

PostureError
├─ SettingsError        an option, environment variable or file says something impossible
├─ SignInError          no token could be had
├─ UnknownValueError    Graph answered with a value this version does not know
├─ EvidenceError        a folder of evidence or a sample is damaged or not one
├─ OutputError          a result could not be written
├─ StoppedError         a person stopped the run
└─ GraphError           Graph was asked and did not answer as documented
   ├─ AccessDeniedError     a permission or role is missing
   ├─ NotLicensedError      the tenant lacks the licence
   ├─ TokenRefusedError     Graph refuses the token itself (expired, wrong audience, claims challenge)
   ├─ NotFoundError         no such object or endpoint
   │  └─ NoEndpointError        no such endpoint, whatever is asked of it
   ├─ BadRequestError       Graph calls our query wrong
   ├─ ThrottledError        429 for longer than patience
   ├─ ServerError           5xx for longer than patience
   ├─ NetworkError          no connection, or it broke for longer than patience
   └─ AnswerError           a body that is not what Graph documents

`graph` raises, `collect/run.py` alone turns a GraphError into a Gap, and
`cli/main.py` alone turns a PostureError into one line and an exit code.
"""


class PostureError(Exception):
    """A problem that a person can act on; its text is one plain sentence."""


class SettingsError(PostureError):
    """An option, environment variable or settings file cannot be used as it is."""


class SignInError(PostureError):
    """No token could be had."""


class UnknownValueError(PostureError):
    """A value is absent, of another type, or not one this version knows.

    The evaluator turns it into *not assessed*, reason `unknown-value`. Where
    `licence` says what the tenant would need for there to be a value, the
    reason is `licence`; where the judgement hangs on a source that was not
    read, `because` is its Gap and gives reason and remedy.
    """

    def __init__(self, message: str, *, licence: str = "", because: object = None) -> None:
        super().__init__(message)
        self.licence = licence
        self.because = because


class EvidenceError(PostureError):
    """A folder of evidence or a sample tenant cannot be believed or read."""


class OutputError(PostureError):
    """A result could not be written."""


class StoppedError(PostureError):
    """A person stopped the run with Ctrl-C."""


class GraphError(PostureError):
    """Graph did not answer as asked.

    `status` is the HTTP status or None where none arrived, `code` Graph's own
    `error.code` or "", `request_id` the service's id of the answer or "".
    """

    def __init__(
        self, message: str, *, status: int | None = None, code: str = "", request_id: str = "", url: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.request_id = request_id
        self.url = url


class AccessDeniedError(GraphError):
    """403: a permission or directory role is missing."""


class NotLicensedError(GraphError):
    """The tenant lacks the licence for what was asked."""


class TokenRefusedError(GraphError):
    """401, or a claims challenge that could not be met."""


class NotFoundError(GraphError):
    """404: no such object, or no such endpoint in this cloud."""


class NoEndpointError(NotFoundError):
    """No such endpoint in this cloud or version, which says nothing about the object asked for."""


class BadRequestError(GraphError):
    """400 or 501: Graph calls the query wrong."""


class ThrottledError(GraphError):
    """429 for longer than posture waits."""


class ServerError(GraphError):
    """A 5xx (or 408, 509) for longer than posture tries."""


class NetworkError(GraphError):
    """No connection, or it broke, for longer than posture tries."""


class AnswerError(GraphError):
    """A body, a link or a header that is not what Graph documents."""
