"""The last proof of an image: what makes our documents can decode it."""

import json

import typst

_PAGE = b"#image(bytes(json(bytes(sys.inputs.logo))), width: 1cm)"


def decodes(content: bytes) -> bool:
    """Tell whether a document with this image can be made. No file and no network is read."""
    try:
        typst.compile(_PAGE, format="pdf", sys_inputs={"logo": json.dumps(list(content))})
    except (typst.TypstError, RuntimeError):
        return False
    return True
