"""What options may be chosen from. The engine has the same lists; help must not wait for it."""

DEFAULT_PORT = 7860
PASSWORD_VARIABLE = "SPADEWORK_PASSWORD"
PRESETS = ("exact", "fast", "draft")
SAMPLERS = ("ddim", "ddpm", "dpmpp_2m", "dpmpp_2m_sde")
SPACINGS = ("lambda", "trailing", "even", "stride")
NOISES = ("path", "steps")
EXPORTS = ("index", "colour", "standard", "shapes", "objects")
BLENDS = ("plain", "matched", "gradient")
FITS = ("stretch", "crop")
PHOTO_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
MAX_VARIATIONS = 10_000
BESIDE_AGAIN = {"--again", "--photo", "--model", "--device", "--precision", "--out", "--check-layout", "--no-venv"}
LOOPBACK = ("127.0.0.1", "localhost", "::1")
