"""globus-sdk's storage of tokens in a file, which is replaced as a whole because other processes of the user share it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from globus_sdk.token_storage import JSONTokenStorage, TokenStorageData

from hfx.endpoints.globus import account
from hfx.errors import EndpointError

__all__ = ["Tokens"]


class _Temporary(JSONTokenStorage):
    """A temporary file in a private folder, whose mode is set without the process' umask.

    globus-sdk changes the umask while it writes, but all threads share it. Two threads that do so at once can leave the
    umask meant for secrets in place, and files and folders that the process makes later would lack permissions.
    """

    @contextmanager
    def user_only_umask(self) -> Iterator[None]:
        yield


class Tokens(JSONTokenStorage):
    """The tokens of an account.

    If two processes write at once, one access token may be lost, but never the file; the next use renews the token.
    """

    file_format = "json"

    def __init__(self, path: Path, part: str) -> None:
        account.make_private(path)
        super().__init__(path, namespace=part)

    def store_token_data_by_resource_server(self, token_data_by_resource_server: Mapping[str, TokenStorageData]) -> None:
        with self._replacement() as storage:
            storage.store_token_data_by_resource_server(token_data_by_resource_server)

    def remove_token_data(self, resource_server: str) -> bool:
        with self._replacement() as storage:
            return storage.remove_token_data(resource_server)

    @contextmanager
    def _replacement(self) -> Iterator[JSONTokenStorage]:
        """A copy of the storage in a temporary file, which replaces this one's file at the end of the block."""
        path = Path(f"{self.filepath}.{uuid4().hex}.part")
        try:
            with suppress(FileNotFoundError):
                content = Path(self.filepath).read_bytes()
                path.touch(mode=0o600, exist_ok=False)
                path.write_bytes(content)
            yield _Temporary(path, namespace=self.namespace)
            path.chmod(0o600)  # its folder is the user's alone
            path.replace(self.filepath)
        except OSError as error:
            raise EndpointError(
                f"{self.filepath} cannot be written ({error.strerror}); set HFX_CONFIG to another folder"
            ) from None
        finally:
            path.unlink(missing_ok=True)
