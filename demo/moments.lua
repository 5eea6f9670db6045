-- Number, mean, squared deviations and extremes in one pass over the data.

local M = {}

-- One value more, by Welford's rule (1962): no sum of squares that cancels.
-- Heights are integers; the extremes are floats, since they begin as infinite.
function M.add(n, mean, m2, low, high, height)
  local x = height + 0.0
  n = n + 1
  local delta = x - mean
  mean = mean + delta / n
  if x < low then low = x end
  if x > high then high = x end
  return n, mean, m2 + delta * (x - mean), low, high
end

-- Two parts as one, by the rule of Chan, Golub and LeVeque (1979).
function M.combine(n1, mean1, m1, low1, high1, n2, mean2, m2, low2, high2)
  local n = n1 + n2
  if n == 0 then
    return n1, mean1, m1, low1, high1
  end
  local delta = mean2 - mean1
  return n, mean1 + delta * n2 / n, m1 + m2 + delta * delta * n1 * n2 / n,
         math.min(low1, low2), math.max(high1, high2)
end

return M
