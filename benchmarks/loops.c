/* What the vectorised engine is measured against: the rules as one would write them by hand, with `gcc -O3`.
 *
 * err: the error of each of E epochs; the columns thr, dec, gro, min, def: threshold, decay, growth, smallest and first
 * rate of each of S settings; out: the rates, one setting after the other. What does not depend on the setting is worked
 * out once. Plain numbers only: no missing errors, no zeros.
 */
#include <math.h>
#include <stdlib.h>

static double *relative(const double *err, int E) {
  double *rel = malloc(sizeof(double) * (E + 1));
  for (int e = 1; e < E; e++) rel[e] = (err[e] - err[e - 1]) / fabs(err[e]);
  return rel;
}

void newbob_relative(const double *err, int E, const double *thr, const double *dec, const double *gro,
                     const double *min, const double *def, int S, double *out) {
  double *rel = relative(err, E);
  for (int s = 0; s < S; s++, out += E) {
    double rate = def[s];
    for (int e = 0; e < E; e++) {
      if (e >= 2) {
        if (rel[e - 1] > thr[s]) {
          rate *= dec[s];
          if (rate < min[s]) rate = min[s];
        } else {
          rate *= gro[s];
        }
      }
      out[e] = rate;
    }
  }
  free(rel);
}

/* The same with the settings in the inner loop, which gcc vectorises; out: one epoch after the other. */
void newbob_relative_by_epoch(const double *err, int E, const double *restrict thr, const double *restrict dec,
                              const double *restrict gro, const double *restrict min, const double *restrict def,
                              int S, double *out) {
  for (int e = 0; e < E; e++) {
    double *restrict row = out + (size_t)e * S;
    if (e < 2) {
      for (int s = 0; s < S; s++) row[s] = def[s];
      continue;
    }
    const double *restrict before = row - S;
    double rel = (err[e - 1] - err[e - 2]) / fabs(err[e - 1]);
    for (int s = 0; s < S; s++) {
      double decayed = before[s] * dec[s];
      decayed = decayed < min[s] ? min[s] : decayed;
      row[s] = rel > thr[s] ? decayed : before[s] * gro[s];
    }
  }
}

/* newbob_relative, each rate held for `hold` epochs: the rule min_num_epochs_per_new_learning_rate. */
void newbob_held(const double *err, int E, const double *thr, const double *dec, const double *gro, const double *min,
                 const double *def, int S, double *out, int hold) {
  double *rel = relative(err, E);
  for (int s = 0; s < S; s++, out += E) {
    double rate = def[s];
    int lasted = 0;
    for (int e = 0; e < E; e++) {
      double before = rate;
      if (e >= 2 && lasted >= hold) {
        if (rel[e - 1] > thr[s]) {
          rate *= dec[s];
          if (rate < min[s]) rate = min[s];
        } else {
          rate *= gro[s];
        }
      }
      lasted = rate == before ? lasted + 1 : 1;
      out[e] = rate;
    }
  }
  free(rel);
}

/* newbob_multi_epoch with an update interval of 1 and one threshold: the mean of the newest n relative errors. */
void newbob_multi_epoch(const double *err, int E, const double *thr, const double *dec, const double *gro,
                        const double *min, const double *def, int S, double *out, int n) {
  double *rel = relative(err, E), *mean = malloc(sizeof(double) * (E + 1));
  for (int e = 2; e < E; e++) {
    int first = e - n < 1 ? 1 : e - n;
    double sum = rel[first];
    for (int i = first + 1; i < e; i++) sum += rel[i];
    mean[e] = sum / (e - first);
  }
  for (int s = 0; s < S; s++, out += E) {
    double rate = def[s];
    for (int e = 0; e < E; e++) {
      if (e >= 2) {
        if (mean[e] > thr[s]) {
          rate *= dec[s];
          if (rate < min[s]) rate = min[s];
        } else if (mean[e] < thr[s]) {
          rate *= gro[s];
        }
      }
      out[e] = rate;
    }
  }
  free(mean);
  free(rel);
}
