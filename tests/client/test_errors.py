"""The tree of errors, in the order of its drawing; what each holds; that each can be pickled."""

import copy
import pickle
from decimal import Decimal
from typing import Any

import httpx2
import pytest

import tallybook
from tallybook import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ClientDisabledError,
    ConfigurationError,
    ConflictError,
    DeliveryError,
    FieldError,
    IdempotencyInProgressError,
    InsufficientBalanceError,
    InternalServerError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    TallybookError,
    UnprocessableEntityError,
    UnreadableResponseError,
    WebhookPayloadError,
    WebhookSignatureError,
)
from tallybook.client import errors
from tallybook.client.errors import error_from_response

from .stand_in import KEY, Blocking, StandIn, problem

TREE: list[tuple[type[Exception], type[Exception]]] = [
    (TallybookError, Exception),
    (ConfigurationError, TallybookError),
    (ClientDisabledError, TallybookError),
    (DeliveryError, TallybookError),
    (WebhookSignatureError, TallybookError),
    (WebhookPayloadError, TallybookError),
    (APIError, TallybookError),
    (APIConnectionError, APIError),
    (APITimeoutError, APIConnectionError),
    (APIStatusError, APIError),
    (BadRequestError, APIStatusError),
    (AuthenticationError, APIStatusError),
    (InsufficientBalanceError, APIStatusError),
    (PermissionDeniedError, APIStatusError),
    (NotFoundError, APIStatusError),
    (ConflictError, APIStatusError),
    (IdempotencyInProgressError, ConflictError),
    (UnprocessableEntityError, APIStatusError),
    (RateLimitError, APIStatusError),
    (InternalServerError, APIStatusError),
    (UnreadableResponseError, APIStatusError),
]
STATUSES: list[tuple[int, str, type[APIStatusError]]] = [
    (302, "", APIStatusError),
    (400, "malformed_json", BadRequestError),
    (401, "invalid_api_key", AuthenticationError),
    (402, "insufficient_wallet_balance", InsufficientBalanceError),
    (403, "project_mismatch", PermissionDeniedError),
    (404, "customer_not_found", NotFoundError),
    (405, "method_not_allowed", APIStatusError),
    (409, "already_exists", ConflictError),
    (409, "idempotency_in_progress", IdempotencyInProgressError),
    (413, "body_too_large", BadRequestError),
    (422, "validation_failed", UnprocessableEntityError),
    (429, "rate_limited", RateLimitError),
    (500, "internal_error", InternalServerError),
    (503, "unavailable", InternalServerError),
]


def classes_in(module: Any) -> list[type[Exception]]:
    return [
        item
        for item in vars(module).values()
        if isinstance(item, type) and issubclass(item, TallybookError)
    ]


def test_the_tree_is_the_one_drawn_and_public() -> None:
    assert [(cls, cls.__base__) for cls in classes_in(errors)] == TREE
    drawing = errors.__doc__ or ""
    drawn = [word for word in drawing.replace("─", " ").split() if word in vars(errors)]
    assert drawn[: len(TREE)] == [cls.__name__ for cls, _ in TREE]
    assert all(getattr(tallybook, cls.__name__) is cls for cls, _ in TREE)


@pytest.mark.parametrize(("status", "code", "kind"), STATUSES)
def test_every_status_has_its_error(
    form: Blocking, status: int, code: str, kind: type[APIStatusError]
) -> None:
    server = StandIn(problem(status, code))
    with pytest.raises(APIStatusError) as caught:
        form.do(form.client(server, max_retries=0).customers.create(name="A"))
    error = caught.value
    assert type(error) is kind
    assert (error.status_code, error.code, error.message) == (status, code, "What went wrong.")
    assert (error.request_id, error.errors) == ("req_1", [])
    assert error.body["type"].endswith(code)
    assert error.response.status_code == status
    assert f"{status} {code}".strip() in str(error)


def test_an_insufficient_balance_tells_the_amounts() -> None:
    error = error_from_response(
        problem(402, required="12.50", available="3.1", currency="USD", wallet_id="wal_1")
    )
    assert isinstance(error, InsufficientBalanceError)
    assert (error.required, error.available) == (Decimal("12.50"), Decimal("3.1"))
    assert (error.currency, error.wallet_id) == ("USD", "wal_1")


def test_a_conflict_tells_the_state() -> None:
    error = error_from_response(
        problem(409, "invalid_state_transition", current_state="ended", existing_id="cus_9")
    )
    assert isinstance(error, ConflictError)
    assert error.current_state == "ended"
    assert error.body["existing_id"] == "cus_9"


def test_refused_fields_are_named() -> None:
    wrong = [{"pointer": f"/items/{n}", "code": "too_small", "detail": "no"} for n in range(5)]
    error = error_from_response(problem(422, "validation_failed", errors=[*wrong, "?"]))
    assert error.errors[0] == FieldError("/items/0", "too_small", "no")
    assert error.errors[0]["pointer"] == "/items/0"
    assert len(error.errors) == 5
    assert str(error) == (
        "422 validation_failed: What went wrong.; /items/0: no; /items/1: no; /items/2: no; "
        "and 2 more (request req_1)"
    )


def test_what_the_message_says_of_a_field_is_not_said_again() -> None:
    wrong = [{"pointer": "/amount", "code": "invalid", "detail": "must be greater than zero"}]
    detail = "/amount: must be greater than zero"
    error = error_from_response(problem(422, "validation_failed", detail=detail, errors=wrong))
    assert str(error) == f"422 validation_failed: {detail} (request req_1)"
    whole = [{**wrong[0], "detail": "Only 5 are due."}]
    error = error_from_response(problem(422, "x", detail="Only 5 are due.", errors=whole))
    assert str(error) == "422 x: Only 5 are due. (request req_1)"


@pytest.mark.parametrize(
    ("headers", "extra", "expect"),
    [
        ({}, {}, (None, None, None)),
        ({"Retry-After": "7"}, {}, (7.0, None, None)),
        (
            {"RateLimit-Policy": '"default";q=600;w=60', "RateLimit": '"default";r=0;t=41'},
            {},
            (None, 600, 0),
        ),
        ({}, {"limit": 600, "remaining": 1}, (None, 600, 1)),
    ],
)
def test_a_rate_limit_tells_its_numbers(
    headers: dict[str, str], extra: dict[str, int], expect: tuple[Any, ...]
) -> None:
    error = error_from_response(problem(429, headers=headers, **extra))
    assert isinstance(error, RateLimitError)
    assert (error.retry_after, error.limit, error.remaining) == expect


@pytest.mark.parametrize(
    ("content", "body", "message"),
    [
        (b"<h1>Bad Gateway</h1>", "<h1>Bad Gateway</h1>", "<h1>Bad Gateway</h1>"),
        (b"", None, "Bad Gateway"),
        (b"[1]", [1], "Bad Gateway"),
        (b'"text"', "text", "text"),
        (b'{"detail": 3, "errors": 7, "code": []}', ..., "Bad Gateway"),
        (b"\xff\xfe\xfa", ..., ...),
        (b"[" * 100_000, ..., "[" * 200),
    ],
)
def test_an_answer_that_is_no_problem_document_is_an_error_all_the_same(
    content: bytes, body: Any, message: Any
) -> None:
    error = error_from_response(httpx2.Response(502, content=content))
    assert type(error) is InternalServerError
    assert body is ... or error.body == body
    assert message is ... or error.message == message
    assert (error.code, error.request_id, error.errors) == (None, None, [])


def test_a_redirect_says_where_to() -> None:
    error = error_from_response(httpx2.Response(301, headers={"Location": "https://b.example/"}))
    assert "https://b.example/" in str(error)


@pytest.mark.parametrize("content", [b"<html>", b"", b"{}", b"null", b'{"id": 3}'])
def test_a_success_that_cannot_be_read_is_an_api_error(form: Blocking, content: bytes) -> None:
    server = StandIn(httpx2.Response(200, content=content))
    with pytest.raises(UnreadableResponseError, match="this SDK can read") as caught:
        form.do(form.client(server).customers.get("cus_1"))
    assert caught.value.status_code == 200
    assert len(server.requests) == 1


def one_of_each() -> list[TallybookError]:
    extra = {"required": "1", "current_state": "ended", "limit": 3}
    return [
        TallybookError("x"),
        ConfigurationError("x"),
        ClientDisabledError("x"),
        DeliveryError("x", events=[{"a": 1}]),
        WebhookSignatureError("x"),
        WebhookPayloadError("x"),
        APIConnectionError("x"),
        APITimeoutError("x"),
        *(error_from_response(problem(status, code, **extra)) for status, code, _ in STATUSES),
        errors.unreadable(httpx2.Response(200, content=b"?"), "why"),
    ]


@pytest.mark.parametrize("error", one_of_each(), ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("clone", [lambda e: pickle.loads(pickle.dumps(e)), copy.deepcopy])
def test_errors_survive_the_way_to_another_process(error: TallybookError, clone: Any) -> None:
    error.add_note("a note")
    twin = clone(clone(error))
    assert type(twin) is type(error)
    assert str(twin) == str(error)
    kept = {name: value for name, value in vars(error).items() if name != "response"}
    assert {name: value for name, value in vars(twin).items() if name != "response"} == kept
    if isinstance(error, APIStatusError):
        assert twin.response.status_code == error.response.status_code
        assert twin.response.content == error.response.content


def test_a_pickled_error_holds_no_key(form: Blocking) -> None:
    with pytest.raises(NotFoundError) as caught:
        form.do(form.client(StandIn(problem(404))).customers.get("cus_1"))
    dumped = pickle.dumps(caught.value)
    assert KEY.encode() not in dumped
    assert pickle.loads(dumped).response.request.url.path == "/api/v1/customers/cus_1"
