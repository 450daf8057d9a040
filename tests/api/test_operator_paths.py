"""What belongs to the operator of a server is shut to every API key, whatever is behind it."""

from fastapi.testclient import TestClient

PATHS = [
    ("GET", "/session"),
    ("DELETE", "/session"),
    ("GET", "/users"),
    ("POST", "/users"),
    ("PATCH", "/users/usr_1"),
    ("GET", "/jobs"),
    ("GET", "/jobs/job_1/log"),
    ("POST", "/projects/prj_1"),
    ("DELETE", "/projects/prj_1"),
    ("GET", "/api-keys/key_1"),
    ("POST", "/balances"),
    ("DELETE", "/balances/bal_1"),
    ("PATCH", "/markets/mkt_1"),
    ("DELETE", "/markets"),
]


def test_an_api_key_is_refused(api: TestClient) -> None:
    for method, path in PATHS:
        answer = api.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (403, "session_required"), path
        nobody = api.request(method, path, headers={"Authorization": ""})
        assert nobody.status_code == 401, path


def test_the_operator_is_told_that_nothing_is_there(api: TestClient) -> None:
    operator = {"Authorization": "Bearer tb_op_for_tests"}
    for method, path in PATHS:
        answer = api.request(method, path, headers=operator)
        assert (answer.status_code, answer.json()["code"]) == (404, "route_not_found"), path
