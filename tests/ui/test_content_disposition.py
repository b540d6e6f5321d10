"""The header that names a download: any name, whole and harmless."""

import pytest

from ui.routes.archive_response import content_disposition


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("model.keras", 'attachment; filename="model.keras"'),
        ("größe.h5", "attachment; filename=\"gr__e.h5\"; filename*=UTF-8''gr%C3%B6%C3%9Fe.h5"),
        ('a"b\r\nSet-Cookie: x', 'attachment; filename="a_b__Set-Cookie: x"'),
        ("../../etc/passwd", 'attachment; filename="_.._etc_passwd"'),
        ("model\u202esarek", 'attachment; filename="model_sarek"'),
        ("100%.h5", "attachment; filename=\"100_.h5\"; filename*=UTF-8''100%25.h5"),
        ("...", 'attachment; filename="download"'),
        ("x" * 400 + ".h5", f'attachment; filename="{"x" * 177}.h5"'),
    ],
)
def test_content_disposition_encodes_any_name(name: str, header: str):
    assert content_disposition(name) == header
