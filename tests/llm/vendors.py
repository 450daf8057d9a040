"""A server that speaks the vendors' APIs: what it says that it used is written here."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

CHAT = {
    "prompt_tokens": 2006,
    "completion_tokens": 300,
    "total_tokens": 2306,
    "prompt_tokens_details": {"cached_tokens": 1920},
}
CHAT_COST = "0.005615"  # gpt-4o: 86 × 2.50 + 1,920 × 1.25 + 300 × 10 USD per million
RESPONSE = {
    "input_tokens": 2006,
    "output_tokens": 300,
    "total_tokens": 2306,
    "input_tokens_details": {"cached_tokens": 1920},
    "output_tokens_details": {"reasoning_tokens": 100},
}
EMBEDDING = {"prompt_tokens": 1000, "total_tokens": 1000}
EMBEDDING_COST = "0.00002"  # text-embedding-3-small: 0.02 USD per million
MESSAGE = {
    "input_tokens": 3,
    "cache_creation_input_tokens": 12304,
    "cache_read_input_tokens": 500,
    "cache_creation": {"ephemeral_5m_input_tokens": 12304, "ephemeral_1h_input_tokens": 0},
    "output_tokens": 550,
}
MESSAGE_COST = "0.054549"  # claude-3-5-sonnet: 3 × 3 + 12,304 × 3.75 + 500 × 0.30 + 550 × 15
WORDS = ("Hello", " ", "world")
_ids = count(1)


class Vendors:
    """A running server of both."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        vendors = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                size = int(self.headers.get("Content-Length", 0))
                sent = json.loads(self.rfile.read(size))
                vendors.asked.append(sent)
                answer = ANSWERS[self.path.split("?")[0]](sent)
                if isinstance(answer, dict):
                    self._reply(json.dumps(answer).encode(), "application/json")
                else:
                    self._reply("".join(answer).encode(), "text/event-stream")

            def _reply(self, body: bytes, kind: str) -> None:
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _chat(sent: dict[str, Any]) -> Any:
    base = {"id": f"chatcmpl-{next(_ids)}", "created": 1, "model": "gpt-4o-2024-08-06"}
    if not sent.get("stream"):
        message: dict[str, Any] = {"role": "assistant", "content": "".join(WORDS)}
        if sent.get("tools"):
            call = {"id": "call_1", "type": "function"}
            message["tool_calls"] = [{**call, "function": {"name": "f", "arguments": "{}"}}]
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return {**base, "object": "chat.completion", "choices": [choice], "usage": CHAT}
    chunks = [
        {
            **base,
            "object": "chat.completion.chunk",
            "choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}],
        }
        for word in WORDS
    ]
    chunks[-1]["choices"][0]["finish_reason"] = "stop"
    if (sent.get("stream_options") or {}).get("include_usage"):
        chunks.append({**chunks[0], "choices": [], "usage": CHAT})
    return [*(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks), "data: [DONE]\n\n"]


def _response(sent: dict[str, Any]) -> Any:
    text = {"type": "output_text", "text": "".join(WORDS), "annotations": []}
    item = {"type": "message", "id": "m", "role": "assistant", "status": "completed"}
    whole = {
        "id": f"resp_{next(_ids)}",
        "object": "response",
        "created_at": 1,
        "model": "gpt-4o-2024-08-06",
        "status": "completed",
        "output": [{**item, "content": [text]}],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": RESPONSE,
    }
    if not sent.get("stream"):
        return whole
    started = {**whole, "status": "in_progress", "output": [], "usage": None}
    told = [{"type": "response.created", "response": started, "sequence_number": 0}]
    for word in WORDS:
        delta = {"type": "response.output_text.delta", "delta": word, "item_id": "m"}
        told.append({**delta, "output_index": 0, "content_index": 0, "logprobs": []})
    told.append({"type": "response.completed", "response": whole, "sequence_number": 9})
    return [f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in told]


def _embedding(sent: dict[str, Any]) -> Any:
    one = {"object": "embedding", "index": 0, "embedding": [0.0, 1.0]}
    return {"object": "list", "data": [one], "model": sent["model"], "usage": EMBEDDING}


def _message(sent: dict[str, Any]) -> Any:
    base = {"id": f"msg_{next(_ids)}", "type": "message", "role": "assistant"}
    whole = {
        **base,
        "model": sent["model"],
        "content": [{"type": "text", "text": "".join(WORDS)}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": MESSAGE,
    }
    if not sent.get("stream"):
        return whole
    first = {**whole, "content": [], "stop_reason": None}
    first["usage"] = {**MESSAGE, "output_tokens": 1}
    block = {"type": "content_block_start", "index": 0}
    told: list[dict[str, Any]] = [
        {"type": "message_start", "message": first},
        {**block, "content_block": {"type": "text", "text": ""}},
    ]
    for word in WORDS:
        delta = {"type": "text_delta", "text": word}
        told.append({"type": "content_block_delta", "index": 0, "delta": delta})
    ending = {"stop_reason": "end_turn", "stop_sequence": None}
    told += [
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": ending, "usage": {"output_tokens": 550}},
        {"type": "message_stop"},
    ]
    return [f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in told]


ANSWERS = {
    "/v1/chat/completions": _chat,
    "/v1/responses": _response,
    "/v1/embeddings": _embedding,
    "/v1/messages": _message,
}
