"""A loopback stand-in for Globus Auth: the authorise page, tokens, revocation, introspection, who is it, signing keys.

It is strict where the real one is: a code is good once, for the client and the secret (PKCE) that asked for it; a
refresh token belongs to one client and one server; scopes are known or refused. Stand-ins of other services run
beside it, on ports of their own, and ask `holder` about the tokens that they are given.

By hand: ``python -m tests.engines.globus_auth_service`` prints the variables to set.
"""

import base64
import hashlib
import html
import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from urllib.request import ProxyHandler, build_opener
from uuid import NAMESPACE_DNS, uuid4, uuid5

COMPUTE = "https://auth.globus.org/scopes/facd7ccc-c5f4-42aa-916b-a0e270e2c2a9/all"
AUTH = "auth.globus.org"
SERVERS = {
    "openid": AUTH,
    "profile": AUTH,
    "email": AUTH,
    "urn:globus:auth:scope:auth.globus.org:manage_projects": AUTH,
    "urn:globus:auth:scope:auth.globus.org:view_identity_set": AUTH,
    COMPUTE: "funcx_service",
}
TWO_DAYS = 172_800


@dataclass(frozen=True)
class Identity:
    """A person or an application."""

    username: str
    name: str

    @property
    def sub(self) -> str:
        return str(uuid5(NAMESPACE_DNS, self.username))


ADA = Identity("ada@example.org", "Ada Lovelace")
EMMY = Identity("emmy@example.net", "Emmy Noether")


@dataclass(frozen=True)
class Token:
    """What a token or code stands for; `ends`: seconds since 1970, of an access token."""

    client: str
    identity: Identity
    scopes: tuple[str, ...]
    server: str = ""
    ends: float = float("inf")
    offline: bool = False
    challenge: str = ""
    redirect: str = ""


class AuthService(ThreadingHTTPServer):
    """The service; tests set what it does next and read what it was asked.

    Args:
        identity: who sits before the browser.
        clients: applications with secrets, by id.
        withheld: scopes that are not granted, though they are asked for.
        lifetime: of access tokens, seconds.
        failing: the status of every answer, where it is out of order.
        asked: what was asked, a line each: ``POST /v2/oauth2/token refresh_token``.
        visits: queries of the authorise page.
    """

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.identity = ADA
        self.clients: dict[str, str] = {}
        self.withheld: set[str] = set()
        self.lifetime = TWO_DAYS
        self.failing: int | None = None
        self.asked: list[str] = []
        self.visits: list[dict[str, str]] = []
        self.codes: dict[str, Token] = {}
        self.access: dict[str, Token] = {}
        self.refresh: dict[str, Token] = {}
        self.revoked: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"

    @property
    def variables(self) -> dict[str, str]:
        """The environment with which Globus' packages turn to this service."""
        return {"GLOBUS_SDK_ENVIRONMENT": "local", "GLOBUS_SDK_SERVICE_URL_AUTH": self.url}

    def holder(self, header: str | None, scope: str) -> Identity | None:
        """Who is behind a header ``Authorization: Bearer ...``, if the token is good and has the scope."""
        token = self.access.get((header or "").removeprefix("Bearer "))
        return token.identity if token and token.ends > time.time() and scope in token.scopes else None

    def run_out(self) -> None:
        """All access tokens end now."""
        self.access = {text: replace(token, ends=0) for text, token in self.access.items()}

    def revoke(self, text: str) -> None:
        self.revoked.add(text)
        self.access.pop(text, None)
        self.refresh.pop(text, None)

    def browse(self, address: str) -> str:
        """What a person does: open the address, be logged in as `identity`, agree, and read the code from the page."""
        with build_opener(ProxyHandler({})).open(address, timeout=20) as page:
            found = re.search(r"<code>(.*?)</code>", page.read().decode())
        assert found, "the page shows no code"
        return html.unescape(found[1])


class _RefusedError(Exception):
    """Status and OAuth's name of an error."""


class _Handler(BaseHTTPRequestHandler):
    server: AuthService
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._go({})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self._go(dict(parse_qsl(body)))

    def _go(self, form: dict[str, str]) -> None:
        path = urlsplit(self.path).path
        self.server.asked.append(" ".join([self.command, path, form.get("grant_type", "")]).strip())
        route = _ROUTES.get((self.command, path))
        if self.server.failing:
            self._answer(self.server.failing, {"error": "out of order"})
        elif route is None:
            self._answer(404, {"error": "not_found"})
        else:
            try:
                route(self, form)
            except _RefusedError as error:
                status, name = error.args
                self._answer(status, {"error": name})

    def configuration(self, _: Mapping[str, str]) -> None:
        url = self.server.url
        self._answer(200, {"issuer": url, "jwks_uri": f"{url}jwk.json", "id_token_signing_alg_values_supported": ["RS512"]})

    def keys(self, _: Mapping[str, str]) -> None:
        from jwt.algorithms import RSAAlgorithm

        self._answer(200, {"keys": [RSAAlgorithm.to_jwk(_key().public_key(), as_dict=True)]})

    def authorise(self, _: Mapping[str, str]) -> None:
        """The page where a person agrees: on to the page that shows the code."""
        query = dict(parse_qsl(urlsplit(self.path).query))
        self.server.visits.append(query)
        if query.get("response_type") != "code" or query.get("code_challenge_method") != "S256":
            raise _RefusedError(400, "invalid_request")
        code = uuid4().hex
        self.server.codes[code] = Token(
            query["client_id"],
            self.server.identity,
            self._granted(query["scope"]),
            offline=query.get("access_type") == "offline",
            challenge=query["code_challenge"],
            redirect=query["redirect_uri"],
        )
        self.send_response(302)
        self.send_header("Location", f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def show_code(self, _: Mapping[str, str]) -> None:
        code = dict(parse_qsl(urlsplit(self.path).query)).get("code", "")
        self._answer(200, f"<html><body>Native App Authorization Code: <code>{html.escape(code)}</code></body></html>")

    def token(self, form: Mapping[str, str]) -> None:
        grants = {
            "authorization_code": self._by_code,
            "refresh_token": self._by_refresh,
            "client_credentials": self._by_secret,
        }
        if form.get("grant_type") not in grants:
            raise _RefusedError(400, "unsupported_grant_type")
        self._answer(200, grants[form["grant_type"]](form))

    def _by_code(self, form: Mapping[str, str]) -> dict[str, Any]:
        grant = self.server.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        proof = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if grant is None or (grant.client, grant.redirect, grant.challenge) != (
            form.get("client_id"),
            form.get("redirect_uri"),
            proof,
        ):
            raise _RefusedError(400, "invalid_grant")
        return self._tokens(grant)

    def _by_refresh(self, form: Mapping[str, str]) -> dict[str, Any]:
        text = form.get("refresh_token", "")
        grant = self.server.refresh.get(text)
        if grant is None or grant.client != form.get("client_id"):
            raise _RefusedError(400, "invalid_grant")
        return {**self._issued(replace(grant, offline=False)), "refresh_token": text, "other_tokens": []}

    def _by_secret(self, form: Mapping[str, str]) -> dict[str, Any]:
        client = self._application()
        identity = Identity(f"{client}@clients.auth.globus.org", "a robot")
        return self._tokens(Token(client, identity, self._granted(form.get("scope", ""))))

    def _application(self) -> str:
        """The client whose secret is given."""
        given = base64.b64decode((self.headers.get("Authorization") or "").removeprefix("Basic ")).decode()
        client, _, secret = given.partition(":")
        if not client or self.server.clients.get(client) != secret:
            raise _RefusedError(401, "invalid_client")
        return client

    def _granted(self, scopes: str) -> tuple[str, ...]:
        asked = list(dict.fromkeys(scopes.split()))
        if not asked or any(scope not in SERVERS for scope in asked):
            raise _RefusedError(400, "unknown_scope")
        return tuple(scope for scope in asked if scope not in self.server.withheld)

    def _tokens(self, grant: Token) -> dict[str, Any]:
        """A token for each server, the others in the first one's answer, and who it is."""
        by_server: dict[str, list[str]] = {}
        for scope in grant.scopes:
            by_server.setdefault(SERVERS[scope], []).append(scope)
        first, *others = [self._issued(replace(grant, scopes=tuple(s), server=server)) for server, s in by_server.items()]
        signed = {"id_token": self._signed(grant)} if "openid" in grant.scopes and grant.challenge else {}
        return {**first, **signed, "other_tokens": others}

    def _issued(self, grant: Token) -> dict[str, Any]:
        text = f"access-{uuid4().hex}"
        self.server.access[text] = replace(grant, ends=time.time() + self.server.lifetime)
        answer = {
            "access_token": text,
            "expires_in": self.server.lifetime,
            "token_type": "Bearer",
            "resource_server": grant.server,
            "scope": " ".join(grant.scopes),
        }
        if grant.offline:
            answer["refresh_token"] = f"refresh-{uuid4().hex}"
            self.server.refresh[answer["refresh_token"]] = grant
        return answer

    def _signed(self, grant: Token) -> str:
        import jwt

        now = int(time.time())
        about = {"iss": self.server.url, "aud": grant.client, "sub": grant.identity.sub, "iat": now, "exp": now + TWO_DAYS}
        return jwt.encode({**about, "preferred_username": grant.identity.username}, _key(), algorithm="RS512")

    def revoke(self, form: Mapping[str, str]) -> None:
        if "client_id" not in form:
            self._application()
        self.server.revoke(form["token"])
        self._answer(200, {"active": False})

    def introspect(self, form: Mapping[str, str]) -> None:
        self._application()
        token = self.server.access.get(form.get("token", "")) or self.server.refresh.get(form.get("token", ""))
        if token is None or token.ends < time.time():
            self._answer(200, {"active": False})
            return
        who = {"sub": token.identity.sub, "username": token.identity.username, "client_id": token.client}
        self._answer(200, {"active": True, "scope": " ".join(token.scopes), **who})

    def who_is_it(self, _: Mapping[str, str]) -> None:
        header = self.headers.get("Authorization")
        who = self.server.holder(header, "openid")
        if who is None:
            raise _RefusedError(401, "invalid_token")
        profile = self.server.holder(header, "profile") is not None
        more = {"preferred_username": who.username, "name": who.name} if profile else {}
        self._answer(200, {"sub": who.sub, **more})

    def _answer(self, status: int, content: dict[str, Any] | str) -> None:
        page = isinstance(content, str)
        body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8" if page else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Silence."""


_ROUTES = {
    ("GET", "/.well-known/openid-configuration"): _Handler.configuration,
    ("GET", "/jwk.json"): _Handler.keys,
    ("GET", "/v2/oauth2/authorize"): _Handler.authorise,
    ("GET", "/v2/web/auth-code"): _Handler.show_code,
    ("POST", "/v2/oauth2/token"): _Handler.token,
    ("POST", "/v2/oauth2/token/revoke"): _Handler.revoke,
    ("POST", "/v2/oauth2/token/introspect"): _Handler.introspect,
    ("GET", "/v2/oauth2/userinfo"): _Handler.who_is_it,
}


@cache
def _key() -> Any:
    """The service's key, made once a process."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@contextmanager
def serving() -> Iterator[AuthService]:
    """The service on a free port, until the block ends."""
    service = AuthService()
    thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield service
    finally:
        service.shutdown()
        thread.join()
        service.server_close()


if __name__ == "__main__":
    by_hand = AuthService()
    by_hand.clients["robot"] = "hush"
    print(*(f"export {name}={value}" for name, value in by_hand.variables.items()), sep="\n", flush=True)
    by_hand.serve_forever()
