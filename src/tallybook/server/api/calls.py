"""One call: who makes it, in which space, at what time; one transaction around one use case."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, TypeVar

from fastapi import Depends, Request, Response
from pydantic import BaseModel

from tallybook.server.identity import service as identity
from tallybook.server.identity.errors import (
    InvalidApiKey,
    ProjectMismatch,
    ScopeMissing,
    SessionRequired,
)
from tallybook.server.identity.models import Caller, Scope, Space
from tallybook.server.kernel import clock
from tallybook.server.kernel.ids import SpaceId
from tallybook.server.storage import Database, Tx, idempotency
from tallybook.server.storage.idempotency import Answer
from tallybook.wire.limits import IDEMPOTENCY_KEY_CHARS_MAX

from .errors import IdempotencyKeyInvalid, IdempotencyKeyMissing

T = TypeVar("T")
OPERATOR_PREFIX: Final = "tb_op_"
IDEMPOTENT: Final = "idempotent"  # a note on the transaction: nothing new was done
_KEY: Final = re.compile(rf"[\x20-\x7e]{{1,{IDEMPOTENCY_KEY_CHARS_MAX}}}")


@dataclass(slots=True)
class ReadCall:
    """A call that looks. Calling it runs `work` on one consistent snapshot."""

    request: Request
    caller: Caller
    now: datetime  # the space's time: a set test clock's, else real

    @property
    def space(self) -> SpaceId:
        return self.caller.space.id

    @property
    def where(self) -> Space:
        return self.caller.space

    @property
    def db(self) -> Database:
        db: Database = self.request.app.state.db
        return db

    def __call__(self, work: Callable[[Tx], BaseModel]) -> Response:
        return json_response(_body(self.db.read(work)), 200)


@dataclass(slots=True)
class WriteCall(ReadCall):
    """A call that changes. The answer is stored under the Idempotency-Key with the effect."""

    idempotency_key: str | None = None

    def require_key(self) -> str:
        """Return the Idempotency-Key. Errors: IdempotencyKeyMissing."""
        if self.idempotency_key is None:
            raise IdempotencyKeyMissing()
        return self.idempotency_key

    def __call__(
        self, work: Callable[[Tx], BaseModel | bytes | None], *, status: int = 200
    ) -> Response:
        """Run `work` in one transaction and answer what it returns (None: 204, empty).

        Bytes are the JSON itself.
        """
        answer, replayed = self.db.write_now(lambda tx: self.once(tx, work, status=status))
        return json_response(answer.body, answer.status, replayed=replayed)

    def once(
        self, tx: Tx, work: Callable[[Tx], BaseModel | bytes | None], *, status: int
    ) -> tuple[Answer, bool]:
        """Do it, unless its key has an answer; return that, and whether nothing new was done."""
        key, route, space = self.idempotency_key, self._route(), self.space
        if key is None:
            return _answer(tx, work, status)
        print_of = idempotency.fingerprint(self._target(), getattr(self.request, "_body", b""))
        before = idempotency.find(tx, space, route=route, key=key, print_of=print_of)
        if before is not None:
            return before, True
        answer, replayed = _answer(tx, work, status)
        idempotency.keep(
            tx, space, route=route, key=key, print_of=print_of, answer=answer, at=clock.now()
        )
        return answer, replayed

    def _route(self) -> str:
        template = getattr(self.request.scope.get("route"), "path", self.request.url.path)
        return f"{self.request.method} {template}"

    def _target(self) -> str:
        return f"{self.request.url.path}?{self.request.url.query}"


def json_response(body: bytes, status: int, *, replayed: bool = False) -> Response:
    headers = {"Idempotent-Replayed": "true"} if replayed else None
    return Response(body, status, headers, media_type="application/json" if body else None)


def _answer(
    tx: Tx, work: Callable[[Tx], BaseModel | bytes | None], status: int
) -> tuple[Answer, bool]:
    result = work(tx)
    replayed = bool(tx.notes.get(IDEMPOTENT))
    return Answer(204 if result is None else (200 if replayed else status), _body(result)), replayed


def _body(result: BaseModel | bytes | None) -> bytes:
    if isinstance(result, bytes):
        return result
    return b"" if result is None else result.model_dump_json().encode()


def bearer(request: Request) -> str:
    """Return the token of the Authorization header. Errors: InvalidApiKey."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise InvalidApiKey()
    return token.strip()


def check_caller(caller: Caller, *, needed: set[Scope], project_id: str | None) -> None:
    """Errors: ScopeMissing; ProjectMismatch (a project named that is not the key's)."""
    if project_id is not None and project_id != caller.space.project_id:
        raise ProjectMismatch(project_id=project_id)
    require_scope(caller, needed)


def require_scope(caller: Caller, needed: set[Scope]) -> None:
    """Errors: ScopeMissing."""
    if caller.scope not in needed:
        raise ScopeMissing(scope=caller.scope.value, needed=min(needed).value)


def _authenticate(request: Request, needed: set[Scope]) -> tuple[Caller, datetime]:
    token, state = bearer(request), request.app.state
    if token.startswith(OPERATOR_PREFIX):
        raise InvalidApiKey()
    caller = state.db.read(lambda tx: recognize(tx, token, state.pepper))
    return caller, _checked(request, caller, needed)


def recognize(tx: Tx, token: str, pepper: bytes) -> Caller:
    """Return who sends a token. Errors: InvalidApiKey, ApiKeyRevoked."""
    key = ("caller", token)
    return tx.remember(key, lambda: identity.authenticate(tx, token, pepper=pepper))


def named_project(request: Request) -> str | None:
    """Return the project that a request names, which must be its key's."""
    named = request.headers.get("x-project-id")
    if not named and request.scope["query_string"]:
        named = request.query_params.get("project_id")
    return named or None


def _checked(request: Request, caller: Caller, needed: set[Scope]) -> datetime:
    """Return the time at the caller's space. Errors: those of `check_caller`."""
    check_caller(caller, needed=needed, project_id=named_project(request))
    return caller.space.now(clock.now())


def call_of(tx: Tx, request: Request) -> ReadCall:
    """Return a call of anyone, recognized in a transaction that is under way.

    Errors: InvalidApiKey; ProjectMismatch.
    """
    token = bearer(request)
    if token.startswith(OPERATOR_PREFIX):
        raise InvalidApiKey()
    caller = recognize(tx, token, request.app.state.pepper)
    return ReadCall(request, caller, _checked(request, caller, set(Scope)))


def writer_of(tx: Tx, request: Request) -> WriteCall:
    """Return a call that changes something, recognized in its own transaction.

    Errors: those of `call_of`; ScopeMissing; IdempotencyKeyInvalid.
    """
    call = call_of(tx, request)
    require_scope(call.caller, {Scope.FULL})
    return WriteCall(request, call.caller, call.now, idempotency_key(request))


def idempotency_key(request: Request) -> str | None:
    """Return the Idempotency-Key, bare or quoted. Errors: IdempotencyKeyInvalid."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if len(key) >= 2 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not _KEY.fullmatch(key):
        raise IdempotencyKeyInvalid()
    return key


def _reader(request: Request) -> ReadCall:
    return ReadCall(request, *_authenticate(request, {Scope.FULL, Scope.READ}))


def _anyone(request: Request) -> ReadCall:
    return ReadCall(request, *_authenticate(request, set(Scope)))


def writer(request: Request) -> WriteCall:
    return WriteCall(request, *_authenticate(request, {Scope.FULL}), idempotency_key(request))


@dataclass(slots=True)
class OperatorCall:
    """A call of someone with access to this machine or a dashboard session, not of an API key."""

    request: Request

    @property
    def db(self) -> Database:
        db: Database = self.request.app.state.db
        return db


def _operator(request: Request) -> OperatorCall:
    from hmac import compare_digest

    token = bearer(request)
    expected: str | None = request.app.state.operator_token
    if token.startswith(OPERATOR_PREFIX):
        if expected is None or not compare_digest(token.encode(), expected.encode()):
            raise InvalidApiKey()
        return OperatorCall(request)
    _authenticate(request, set(Scope))
    raise SessionRequired()


def ingester(request: Request) -> WriteCall:
    needed = {Scope.FULL, Scope.INGEST}
    return WriteCall(request, *_authenticate(request, needed), idempotency_key(request))


Read = Annotated[ReadCall, Depends(_reader)]
Anyone = Annotated[ReadCall, Depends(_anyone)]
"""Any key; the route asks for the scope that the body needs."""
Ingest = Annotated[WriteCall, Depends(ingester)]
"""A write that a key of the scope ingest may make, too."""
Write = Annotated[WriteCall, Depends(writer)]
Operator = Annotated[OperatorCall, Depends(_operator)]
