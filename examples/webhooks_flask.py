"""A receiver of webhooks with Flask.

pip install tallybook flask
TALLYBOOK_WEBHOOK_SECRET=whsec_… flask --app webhooks_flask run --port 9000
"""

import os

from flask import Flask, request

from tallybook import webhooks

app = Flask(__name__)
secret = os.environ["TALLYBOOK_WEBHOOK_SECRET"]
seen: set[str] = set()  # in earnest: a table with a unique column
blocked: set[str] = set()


@app.post("/webhooks/tallybook")
def receive() -> tuple[str, int]:
    body = request.get_data()  # the raw bytes: a body read as JSON and written anew fails
    try:
        event = webhooks.unwrap(body, request.headers, secret)
    except (webhooks.WebhookSignatureError, webhooks.WebhookPayloadError):
        return "", 400
    if event.id not in seen:
        seen.add(event.id)
        update = webhooks.to_webhook_update(event)
        if update.action == "block_access" and update.customer_id:
            blocked.add(update.customer_id)
        elif update.action != "none" and update.customer_id:
            blocked.discard(update.customer_id)
    return "", 204
