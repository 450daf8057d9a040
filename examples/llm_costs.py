"""What a model call costs, and for whom: an OpenAI client that tells Tallybook.

pip install tallybook openai
export TALLYBOOK_API_KEY=tb_test_… OPENAI_API_KEY=sk-…
python llm_costs.py
"""

import os
from datetime import UTC, datetime

import openai

import tallybook


def main() -> None:
    gpt = openai.OpenAI(base_url=os.environ.get("OPENAI_BASE_URL"))
    with tallybook.Tallybook() as client:
        tallybook.wrap(gpt, tallybook=client)
        with tallybook.attribute(customer="acme", agent="support-bot"):
            answer = gpt.chat.completions.create(
                model="gpt-4o", messages=[{"role": "user", "content": "Say hello."}]
            )
        print(answer.choices[0].message.content)
        client.flush()
        today = datetime.now(UTC).date()
        report = client.margins.report(group_by="agent", start=today, end=today)
        for total in report.totals:
            print(f"cost so far today: {total.cost} {total.currency}")


if __name__ == "__main__":
    main()
