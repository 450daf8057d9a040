"""A receiver of webhooks with FastAPI.

pip install tallybook fastapi uvicorn
TALLYBOOK_WEBHOOK_SECRET=whsec_… uvicorn webhooks_fastapi:app --port 9000
"""

import os

from fastapi import FastAPI, Request, Response

from tallybook import webhooks

app = FastAPI()
secret = os.environ["TALLYBOOK_WEBHOOK_SECRET"]
seen: set[str] = set()  # in earnest: a table with a unique column
blocked: set[str] = set()


@app.post("/webhooks/tallybook")
async def receive(request: Request) -> Response:
    body = await request.body()  # the raw bytes: a body read as JSON and written anew fails
    try:
        event = webhooks.unwrap(body, request.headers, secret)
    except (webhooks.WebhookSignatureError, webhooks.WebhookPayloadError):
        return Response(status_code=400)
    if event.id not in seen:
        seen.add(event.id)
        update = webhooks.to_webhook_update(event)
        if update.action == "block_access" and update.customer_id:
            blocked.add(update.customer_id)
        elif update.action != "none" and update.customer_id:
            blocked.discard(update.customer_id)
    return Response(status_code=204)
