"""globus-sdk's storage of tokens in a file, written whole: other processes of the user read and refresh it too."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from globus_sdk.token_storage import JSONTokenStorage, TokenStorageData

from hfx.endpoints.globus import account
from hfx.errors import EndpointError

__all__ = ["Tokens"]


class _Aside(JSONTokenStorage):
    """A file that nobody else sees until it is moved.

    globus-sdk changes the process' umask while it writes. All threads share it: two that do so at once may leave it as
    it was meant for secrets, and whatever the process writes or makes from then on cannot be entered or run.
    """

    @contextmanager
    def user_only_umask(self) -> Iterator[None]:
        yield


class Tokens(JSONTokenStorage):
    """The tokens of an account.

    Two processes that write at once may lose one's access token, never the file: the next use refreshes it again.
    """

    file_format = "json"

    def __init__(self, path: Path, part: str) -> None:
        account.make_private(path)
        super().__init__(path, namespace=part)

    def store_token_data_by_resource_server(self, token_data_by_resource_server: Mapping[str, TokenStorageData]) -> None:
        with self._aside() as aside:
            aside.store_token_data_by_resource_server(token_data_by_resource_server)

    def remove_token_data(self, resource_server: str) -> bool:
        with self._aside() as aside:
            return aside.remove_token_data(resource_server)

    @contextmanager
    def _aside(self) -> Iterator[JSONTokenStorage]:
        """The storage in a file of its own, which takes this one's place once it is written."""
        path = Path(f"{self.filepath}.{uuid4().hex}.part")
        try:
            with suppress(FileNotFoundError):
                content = Path(self.filepath).read_bytes()
                path.touch(mode=0o600, exist_ok=False)
                path.write_bytes(content)
            yield _Aside(path, namespace=self.namespace)
            path.chmod(0o600)  # its folder is the user's alone
            path.replace(self.filepath)
        except OSError as error:
            raise EndpointError(
                f"{self.filepath} cannot be written ({error.strerror}); set HFX_CONFIG to another folder"
            ) from None
        finally:
            path.unlink(missing_ok=True)
