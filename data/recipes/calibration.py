r"""Calibration of a line list: strength, damping and place of its lines follow from the observed Sun and Arcturus.

The unknowns x are the changes of log gf of all lines that can be seen, of the damping of strong ones and of the
wavelengths of clear ones, and what is not known of each star: its velocity, broadening and continuum, and its
microturbulence and abundances within the errors of the literature. Minimised is

.. math:: \sum_{\rm stars} \sum_\lambda w\,\frac{(O - C M)^2}{\sigma^2} + \sum_i \frac{x_i^2}{\sigma_i^2} ,

with the observed flux O, the model M, the continuum C, and weights w that fall where the model is far off (Cauchy), as
at lines that the list does not have. Each step is one of Gauss and Newton. Derivatives by lines come from the synthesis
itself: lines that are far enough apart change in the same run, and each is given the change of the flux around it.
"""

from dataclasses import dataclass

import numpy as np
from atlases import BANDS, STARS, observed
from line_list import read_line_list
from misplaced import misplaced
from scipy import sparse
from star_model import OWN, State, synthetic, varied

from specnb.core.wavelength import C_KM_S, vacuum_from_air


@dataclass(frozen=True)
class Change:
    """One kind of change of a line: the step of its derivative, its expected size, and the range it may have."""

    step: float
    sigma: float
    low: float
    high: float
    least: (
        float  # the derivative of the flux by log gf, at its largest, from which a line takes part
    )


CHANGES = {
    "log_gf": Change(0.1, 0.3, -2.0, 0.7, 0.02),  # at -2 dex a line is as good as removed
    "damping": Change(0.1, 0.3, -0.6, 0.6, 0.12),
    "velocity": Change(0.4, 1.0, -8.0, 8.0, 0.04),  # 1 km/s is 0.05 Å in the H band
}
WEAKENED = -0.3  # dex; lines that became weaker than this may belong elsewhere
INFORMED = (
    0.7  # share of its expected size to which the stars reduced the error of a change that stays
)
FAINTEST = -2.0  # strength of lines that may take part, see `LineList.strength`
REACH = (0.6, 1.5, 5.0, 25.0)  # Å around a line that are given to it, the more the stronger it is
STRENGTHS = (1.2, 2.2, 3.5)  # at which the reach rises
CONTINUUM = 0.01  # error of the continuum
KNOTS = {"rvs": 30.0, "h": 60.0}  # Å between the knots of the continuum
TOLERATED = 2.5  # errors: farther off, the weight of a pixel falls
RESOLVED = 3.5  # pixels of a resolution element, which share their errors


def apart(wavelength, reach, groups):
    """Sets of lines that do not touch each other, so that one run serves the whole set."""
    ends, sets = [], []
    for group in sorted(groups, key=lambda group: wavelength[group] - reach[group]):
        first, last = wavelength[group] - reach[group], wavelength[group] + reach[group]
        k = next((k for k, end in enumerate(ends) if end < first), len(ends))
        ends[k : k + 1], sets[k : k + 1] = [last], [[*(sets[k] if k < len(sets) else []), group]]
    return sets


class Calibration:
    """The changes of all lines, and the parameters of the stars, which `step` improves.

    Parameters
    ----------
    work : Path
        Folder made by build.sh.
    band : str
    stars : sequence of str
    pool : Pool
        Processes for the syntheses.
    """

    def __init__(self, work, band, stars, pool):
        self.work, self.band, self.stars, self.pool = work, band, tuple(stars), pool
        self.axis = BANDS[band][1]
        self.lines = read_line_list(work / BANDS[band][0].line_lists[0])
        count = np.bincount(self.lines.groups)
        mean = np.bincount(self.lines.groups, self.lines.wavelength) / count
        self.wavelength = vacuum_from_air(mean)
        strongest = np.full(len(count), -np.inf)
        np.maximum.at(strongest, self.lines.groups, self.lines.strength)
        self.reach, self.error = (
            np.array(REACH)[np.digitize(strongest, STRENGTHS)],
            np.full(len(count), np.nan),
        )
        self.changes = {kind: np.zeros(len(count)) for kind in CHANGES}
        seen = np.any([np.isfinite(observed(star, band)) for star in stars], axis=0)
        seen = (strongest > FAINTEST) & (np.interp(self.wavelength, self.axis, seen, 0, 0) == 1)
        self.taking_part = {kind: seen & (kind == "log_gf") for kind in CHANGES}
        self.home = np.zeros(len(count))  # velocity by which a line was moved to another place
        self.own = {}  # derivatives by each star's own parameters, which change little
        self.information = {star: np.zeros(len(count)) for star in stars}
        knots = np.arange(self.axis[0], self.axis[-1] + KNOTS[band], KNOTS[band])
        self.hats = np.stack([np.interp(self.axis, knots, row) for row in np.eye(len(knots))])
        self.states = {
            name: State(
                {key: getattr(STARS[name], key) for key in OWN},
                {element: value for element, (value, _) in STARS[name].x_m.items()},
                np.zeros(len(knots)),
            )
            for name in stars
        }

    def model(self, star, flux):
        """The flux times the star's continuum."""
        return flux * (1.0 + self.states[star].continuum @ self.hats)

    def step(self, lines=True):
        """Improve all unknowns once, or with ``lines=False`` those of the stars only.

        Returns
        -------
        dict of ndarray
            The model of each star before the step.
        """
        tasks, sets = [], []
        for star in self.stars:
            state = self.states[star]
            others = () if lines else (each for each, *_ in varied(state, STARS[star]))
            tasks += [(star, each, self.changes) for each in (state, *others)]
            for kind in CHANGES if lines else ():
                for groups in apart(
                    self.wavelength, self.reach, np.flatnonzero(self.taking_part[kind])
                ):
                    value = self.changes[kind].copy()
                    value[groups] += CHANGES[kind].step
                    tasks.append((star, state, self.changes | {kind: value}))
                    sets.append((star, kind, groups))
        fluxes = iter(
            self.pool.map(synthetic, [(self.work, self.band, *task) for task in tasks], chunksize=1)
        )
        sets, equations, models, derivatives = iter(sets), {}, {}, {}
        for star in self.stars:
            state = self.states[star]
            flux = next(fluxes)
            if not lines:
                self.own[star] = np.array(
                    [(next(fluxes) - flux) / step for _, step, *_ in varied(state, STARS[star])]
                )
            rows = {
                kind: sparse.lil_matrix((len(self.wavelength), len(self.axis))) for kind in CHANGES
            }
            while lines and (task := next(sets, None)):
                if task[0] != star:
                    sets = iter([task, *sets])
                    break
                self.give(rows[task[1]], (next(fluxes) - flux) / CHANGES[task[1]].step, task[2])
            derivatives[star] = {kind: matrix.tocsr() for kind, matrix in rows.items()}
            models[star] = self.model(star, flux)
            continuum = sparse.diags(1.0 + state.continuum @ self.hats)
            design = [derivatives[star][kind][self.taking_part[kind] & lines] for kind in CHANGES]
            equations[star] = [
                sparse.vstack(design) @ continuum,
                sparse.csr_matrix(self.own[star]) @ continuum,
                sparse.csr_matrix(flux * self.hats),
                observed(star, self.band) - models[star],
            ]
        self.solve(equations, lines)
        if lines:
            self.choose(derivatives)
        return models

    def run(self, rounds):
        """Some rounds of steps, or none for the stars' own parameters only.

        Returns
        -------
        dict of ndarray, twice
            The models of each star before and after any line changes.
        """
        before = None
        for k in range(rounds + 1):
            for _ in range(1 if k else 3):
                models = self.step(lines=False)
            self.report(models)
            before = before or models
            if 0 < k < rounds:
                print(f"{self.move(before, models)} lines moved")
            for _ in range(3 if k < rounds else 0):
                self.step()
            if k == rounds - 1:
                self.settle()
        return before, models

    def report(self, models):
        """Print how far the models are from the atlases."""
        for star, model in models.items():
            rms = np.sqrt(np.nanmean((observed(star, self.band) - model) ** 2))
            own = ", ".join(f"{name} {value:.2f}" for name, value in self.states[star].own.items())
            print(f"{star}: {100 * rms:.2f}% rms; {own} km/s", flush=True)

    def give(self, rows, derivative, groups):
        """Give the derivative of a set of lines to each of them around its wavelength."""
        for group in groups:
            window = slice(
                *np.searchsorted(
                    self.axis, self.wavelength[group] + self.reach[group] * np.array([-1, 1])
                )
            )
            rows[group, window] = derivative[window]

    def solve(self, equations, lines):
        """Solve the normal equations and change all unknowns."""
        deviations, errors = [], []
        for kind, change in CHANGES.items():
            value = (self.changes[kind] - self.home * (kind == "velocity"))[
                self.taking_part[kind] & lines
            ]
            deviations.append(value)
            errors.append(np.full(len(value), change.sigma))
        shared = sum(map(len, errors))
        for star in self.stars:
            own = [each[2:] for each in varied(self.states[star], STARS[star])]
            continuum = self.states[star].continuum
            deviations += [[deviation for deviation, _ in own], continuum]
            errors += [[error for _, error in own], np.full(len(continuum), CONTINUUM)]
        deviations, errors = np.concatenate(deviations), np.concatenate(errors)
        normal, right = np.diag(errors**-2.0), -deviations / errors**2
        start, seen = shared, self.taking_part["log_gf"] & lines
        for star, (of_lines, of_star, of_continuum, difference) in equations.items():
            design = sparse.vstack([of_lines, of_star, of_continuum])
            end = start + design.shape[0] - shared
            index = np.r_[:shared, start:end]
            sigma, off = STARS[star].error, np.nan_to_num(difference)
            weight = np.isfinite(difference) / (
                RESOLVED * sigma**2 * (1 + (off / (TOLERATED * sigma)) ** 2)
            )
            weighted = design @ sparse.diags(weight)
            normal[np.ix_(index, index)] += (weighted @ design.T).toarray()
            right[index] += weighted @ off
            self.information[star][seen] = (of_lines.power(2) @ weight)[: seen.sum()]
            start = end
        inverse = np.linalg.inv(normal)
        change = inverse @ right
        self.error[seen] = np.sqrt(np.diag(inverse)[: seen.sum()])
        for kind, limits in CHANGES.items():
            mine = self.taking_part[kind] & lines
            now, change = change[: mine.sum()], change[mine.sum() :]
            now = np.clip(now, -limits.sigma, limits.sigma)  # the spectrum is not linear
            home = self.home[mine] * (kind == "velocity")
            value = self.changes[kind][mine] + now
            self.changes[kind][mine] = np.clip(value, home + limits.low, home + limits.high)
        for star in self.stars:
            state = self.states[star]
            parts = np.split(change, np.cumsum([len(OWN), len(state.x_m), len(state.continuum)]))
            state.own = {
                name: value + more for (name, value), more in zip(state.own.items(), parts[0])
            }
            state.x_m = {
                name: value + more for (name, value), more in zip(state.x_m.items(), parts[1])
            }
            state.continuum, change = state.continuum + parts[2], parts[3]

    def move(self, before, models):
        """Move lines to where all stars miss them, see `misplaced`. Returns their number."""
        weakened = np.flatnonzero((self.changes["log_gf"] < WEAKENED) & (self.home == 0))
        atlases = {star: observed(star, self.band) for star in self.stars}
        found = misplaced(self.axis, self.wavelength[weakened], atlases, before, models)
        for k, place in found.items():
            group = weakened[k]
            self.home[group] = C_KM_S * (place / self.wavelength[group] - 1.0)
            self.changes["velocity"][group] = self.home[group]
            self.changes["log_gf"][group] = 0.0
            self.taking_part["log_gf"][group] = True
            self.wavelength[group] = place
        return len(found)

    def settle(self):
        """Take back changes that mean nothing: small ones, and those of lines that no star shows any more.

        Of the latter stays what made them invisible, if the stars had a say in it: if they reduced its error.
        """
        seen, log_gf = self.taking_part["log_gf"], self.changes["log_gf"]
        removed = (log_gf < 0) & (self.error < INFORMED * CHANGES["log_gf"].sigma)
        for kind, change in CHANGES.items():
            stays = seen | (removed & (kind == "log_gf"))
            self.changes[kind][~stays | (np.abs(self.changes[kind]) < change.sigma / 6)] = 0.0

    def choose(self, derivatives):
        """Which lines take part in the next step: those that a star shows."""
        peak = np.max(
            [abs(each["log_gf"]).max(axis=1).toarray().ravel() for each in derivatives.values()],
            axis=0,
        )
        for kind, change in CHANGES.items():
            self.taking_part[kind] = self.taking_part["log_gf"] & (peak > change.least)
