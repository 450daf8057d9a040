"""A server that speaks the part of Stripe's API that is used, and counts what it charges.

It keeps Stripe's word on idempotency keys: the same key and body give the first answer again,
errors included; another body under the same key is an error.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import stripe

SECRET = "whsec_of_the_stand_in"
DECLINED = "pm_card_declined"
SLOW = "pm_bank_debit"  # stays in processing until it is told to be paid
Answer = tuple[int, dict[str, Any]]


class StandIn:
    """`faults` are met by the next calls of a path's end, one each.

    `before`: nothing is done, and no answer. `after`: it is done, and no answer. `500`: it is
    done, and answered with an error.
    """

    def __init__(self) -> None:
        self.url = ""
        self.intents: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        self.faults: dict[str, list[str]] = {}
        self.refund_status = "succeeded"
        self.is_keyless = False  # forgets every key at once
        self._answers: dict[str, tuple[Any, Answer]] = {}
        self._numbers = count(1)
        self._lock = threading.Lock()
        self._held = ""
        self._asked, self._let_go = threading.Event(), threading.Event()

    def hold(self, step: str) -> threading.Event:
        """Keep back the next answers to a step, which is done; return what tells of the first."""
        self._held = step
        return self._asked

    def let_go(self) -> None:
        self._held = ""
        self._let_go.set()

    def keep_back(self, path: str) -> None:
        """Wait with an answer, where it is held."""
        if self._held and path.endswith(self._held):
            self._asked.set()
            self._let_go.wait(30)

    @property
    def charged(self) -> list[tuple[int, str]]:
        """The charges that were made."""
        done = [one for one in self.intents.values() if one["status"] == "succeeded"]
        return [(one["amount_received"], one["currency"]) for one in done]

    def answer(
        self, method: str, path: str, form: dict[str, str], key: str | None
    ) -> Answer | None:
        """Do what is asked; None: break the connection off."""
        with self._lock:
            self.calls.append(f"{method} {path}")
            faults = self.faults.get(path.rsplit("/", 1)[-1], [])
            fault = faults.pop(0) if faults and method == "POST" else ""
            if fault == "before":
                return None
            known = None if key is None or self.is_keyless else self._answers.get(key)
            if known is not None:
                if known[0] != (path, form):
                    return _error(400, "idempotency_error", "another body under this key")
                return known[1]
            answer = self._do(method, path, form)
            if fault == "500":
                answer = _error(500, "api_error", "something broke")
            if key is not None:
                self._answers[key] = ((path, form), answer)
            return None if fault == "after" else answer

    def _do(self, method: str, path: str, form: dict[str, str]) -> Answer:
        match (method, *path.removeprefix("/v1/").split("/")):
            case ("POST", "payment_intents"):
                return self._make(form)
            case ("GET", "payment_intents", found):
                return 200, self.intents[found]
            case ("POST", "payment_intents", found, "confirm"):
                return self._confirm(self.intents[found])
            case ("POST", "refunds"):
                return self._refund(form)
            case ("GET", "refunds"):
                return 200, self._list_refunds(path, form)
            case ("GET", "refunds", found):
                return 200, self.refunds[found]
        return _error(404, "invalid_request_error", f"no {method} {path}")

    def _make(self, form: dict[str, str]) -> Answer:
        if not form["customer"].startswith("cus_"):
            return _error(400, "invalid_request_error", "No such customer", "resource_missing")
        intent = {
            "id": f"pi_{next(self._numbers)}",
            "object": "payment_intent",
            "amount": int(form["amount"]),
            "amount_received": 0,
            "currency": form["currency"],
            "customer": form["customer"],
            "payment_method": form["payment_method"],
            "metadata": _metadata(form),
            "status": "requires_confirmation",
            "last_payment_error": None,
        }
        self.intents[intent["id"]] = intent
        return 200, intent

    def _confirm(self, intent: dict[str, Any]) -> Answer:
        if intent["status"] != "requires_confirmation":
            code = "payment_intent_unexpected_state"
            return _error(400, "invalid_request_error", "not in this state", code)
        if intent["payment_method"] == SLOW:
            intent["status"] = "processing"
        elif intent["payment_method"] == DECLINED:
            error = {
                "type": "card_error",
                "code": "card_declined",
                "decline_code": "insufficient_funds",
                "message": "Your card has insufficient funds.",
            }
            intent.update(status="requires_payment_method", last_payment_error=error)
            return 402, {"error": error}
        else:
            intent.update(status="succeeded", amount_received=intent["amount"])
        return 200, intent

    def _refund(self, form: dict[str, str]) -> Answer:
        intent = self.intents[form["payment_intent"]]
        made = [one for one in self.refunds.values() if one["payment_intent"] == intent["id"]]
        if sum(one["amount"] for one in made) + int(form["amount"]) > intent["amount_received"]:
            code = "charge_already_refunded"
            return _error(400, "invalid_request_error", "more than was charged", code)
        refund = {
            "id": f"re_{next(self._numbers)}",
            "object": "refund",
            "amount": int(form["amount"]),
            "currency": intent["currency"],
            "payment_intent": intent["id"],
            "metadata": _metadata(form),
            "status": self.refund_status,
        }
        self.refunds[refund["id"]] = refund
        return 200, refund

    def _list_refunds(self, path: str, form: dict[str, str]) -> dict[str, Any]:
        """One page, the newest first."""
        charge, after = form["payment_intent"], form.get("starting_after")
        mine = [one for one in self.refunds.values() if one["payment_intent"] == charge][::-1]
        if after is not None:
            mine = mine[[one["id"] for one in mine].index(after) + 1 :]
        page = mine[: int(form.get("limit", "10"))]
        has_more = len(page) < len(mine)
        return {"object": "list", "data": page, "has_more": has_more, "url": path}

    def event(self, kind: str, thing: dict[str, Any], *, id: str | None = None) -> bytes:
        """Return the body of a webhook about a thing as it is now."""
        event = {
            "id": id or f"evt_{next(self._numbers)}",
            "object": "event",
            "type": kind,
            "data": {"object": thing},
        }
        return json.dumps(event).encode()


def sign(body: bytes, secret: str = SECRET) -> str:
    header: str = stripe.WebhookSignature.generate_signature_header(body.decode(), secret)
    return header


def _metadata(form: dict[str, str]) -> dict[str, str]:
    return {k[9:-1]: v for k, v in form.items() if k.startswith("metadata[")}


def _error(status: int, kind: str, message: str, code: str | None = None) -> Answer:
    return status, {"error": {"type": kind, "message": message, "code": code}}


@contextmanager
def opened() -> Iterator[StandIn]:
    stand_in = StandIn()

    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def _answer(self) -> None:
            parts = urlsplit(self.path)
            size = int(self.headers.get("content-length") or 0)
            text = self.rfile.read(size).decode() if size else parts.query
            key = self.headers.get("idempotency-key")
            answer = stand_in.answer(self.command, parts.path, dict(parse_qsl(text)), key)
            stand_in.keep_back(parts.path)
            if answer is None:
                self.close_connection = True
                return
            body = json.dumps(answer[1]).encode()
            self.send_response(answer[0])
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            with suppress(BrokenPipeError, ConnectionResetError):  # who asked was killed
                self.wfile.write(body)

        do_GET = do_POST = _answer  # noqa: N815 - the library's names

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    stand_in.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield stand_in
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
