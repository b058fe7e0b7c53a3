"""Pixels (vacuum Å), resolving power and noise of Gaia's Radial Velocity Spectrometer."""

import numpy as np

RVS_RESOLVING_POWER = 11_500.0
# Gaia DR3 mean spectra: 2,401 samples, 0.1 Å apart (DataLink product "RVS").
RVS_NATIVE = np.linspace(8460.0, 8700.0, 2401)
# Gaia DR4, as in ESA's draft of the data model (2026-06-26): 961 samples, 0.25 Å apart.
RVS_DR4 = 8460.0 + 0.25 * np.arange(961)
# The papers' 800 pixels: bins of 0.3 Å that tile 8460-8700 Å, as in GSP-Spec (Recio-Blanco et al.
# 2023).
RVS_PIXELS = 8460.0 + 0.3 * (np.arange(800) + 0.5)

# Correlation length of the noise in RVS mean spectra, in their samples of 0.1 Å. It was measured in
# three spectra from their power at 1.5-3 cycles/Å, where lines have no power at R = 11,500. The
# power fits a triangular correlation of 2.7, 3.2 and 3.3 samples. The detector's pixels are 2.45
# samples wide. The correlation makes errors in pixels of 0.3 Å 1.53 times as large as independent
# samples would.
CORRELATION_LENGTH = 3.0
# Nobody has measured it in DR4. It is taken to be as long in Å, 1.2 samples of 0.25 Å, because the
# detector's pixels and the spectrograph are the same.
