"""Who is behind the proxy, and which requests go to whom. Pure.

On a listener for all, the first part of the path names the upstream, ``/openai/v1/responses``;
what lies behind it is appended to the upstream's URL. Paths without such a name are told apart by
what they look like, so that a plain base URL works too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from steno.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from steno.config import UpstreamConfig


class Upstream(Struct, frozen=True):
    """A provider behind the proxy.

    Attributes:
        name: How paths name it.
        url: Where it is, without a slash at the end; may hold credentials.
        provider: What events call it.
    """

    name: str
    url: str
    provider: str


class Known(Struct, frozen=True):
    """A provider whose clients can be sent elsewhere by a variable.

    Attributes:
        name: The upstream's name.
        url: Where it is.
        path: What clients expect at the end of their base URL.
        variables: The variables that its clients read.
    """

    name: str
    url: str
    path: str
    variables: tuple[str, ...]


KNOWN = (
    Known("openai", "https://api.openai.com", "/v1", ("OPENAI_BASE_URL", "OPENAI_API_BASE")),
    Known("anthropic", "https://api.anthropic.com", "", ("ANTHROPIC_BASE_URL",)),
    Known("openrouter", "https://openrouter.ai", "/api/v1", ("OPENROUTER_BASE_URL",)),
    Known("groq", "https://api.groq.com", "", ("GROQ_BASE_URL",)),
    Known("together", "https://api.together.xyz", "/v1", ("TOGETHER_BASE_URL",)),
    Known("cerebras", "https://api.cerebras.ai", "", ("CEREBRAS_BASE_URL",)),
)
"""The providers that need no configuration; variables as their own SDKs read them."""


class Upstreams:
    """All upstreams of a proxy."""

    def __init__(self, configured: Mapping[str, UpstreamConfig]) -> None:
        """Take the known ones, and those that are configured.

        Raises:
            ConfigError: A URL is none.
        """
        self._by_name = {each.name: Upstream(each.name, each.url, each.name) for each in KNOWN}
        for name, config in configured.items():
            known = self._by_name.get(name)
            url = config.url or (known.url if known is not None else "")
            self.set(name, url, config.provider or name)

    def set(self, name: str, url: str, provider: str | None = None) -> None:
        """Set where an upstream is.

        Raises:
            ConfigError: The URL is none.
        """
        if not url.lower().startswith(("http://", "https://")) or len(url) < len("http://x"):
            raise ConfigError(
                f"the URL of the upstream {name!r} is {url!r}",
                hint="allowed: a URL such as https://llm.example.com",
            )
        known = next((each for each in KNOWN if each.name == name), None)
        url = url.rstrip("/")
        if known is not None and known.path:
            # People give the base URL that clients use, whose end is in the paths already.
            url = url.removesuffix(known.path)
        self._by_name[name] = Upstream(name, url, provider or name)

    def get(self, name: str) -> Upstream:
        """Return an upstream.

        Raises:
            ConfigError: There is none of this name.
        """
        try:
            return self._by_name[name]
        except KeyError:
            raise ConfigError(
                f"there is no upstream {name!r}", hint=f"known: {', '.join(sorted(self._by_name))}"
            ) from None

    def find(self, target: str, headers: Mapping[str, str]) -> tuple[Upstream, str]:
        """Find who a request is for.

        Args:
            target: Its path and query.
            headers: Its headers; looked up without regard to case.

        Returns:
            The upstream, and path and query as it gets them.
        """
        name, slash, rest = target.lstrip("/").partition("/")
        upstream = self._by_name.get(name)
        if upstream is not None:
            return upstream, slash + rest if slash else "/"
        path = target.partition("?")[0]
        if path.startswith("/api/v1"):
            return self._by_name["openrouter"], target
        if "anthropic-version" in headers or path.startswith(("/v1/messages", "/v1/complete")):
            return self._by_name["anthropic"], target
        return self._by_name["openai"], target

    def redirect(
        self, base: str, environ: Mapping[str, str], *, keep: Container[str] = ()
    ) -> dict[str, str]:
        """Return the variables that send clients to the proxy; what they say now is respected.

        A variable that is set already becomes the upstream.

        Args:
            base: The proxy's own URL, without a slash at the end.
            environ: The environment in which the clients will run.
            keep: Upstreams that stay where they are.

        Raises:
            ConfigError: A variable holds no URL.
        """
        variables: dict[str, str] = {}
        for known in KNOWN:
            path = known.path
            given = next((environ[name] for name in known.variables if environ.get(name)), None)
            if given is not None and known.name not in keep:
                if not given.rstrip("/").endswith(known.path):
                    path = ""
                self.set(known.name, given, known.name)
            for name in known.variables:
                variables[name] = f"{base}/{known.name}{path}"
        return variables
