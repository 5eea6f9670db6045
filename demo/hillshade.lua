-- Shaded relief: how brightly the sun lights each cell of an elevation model.
--
-- Slope and aspect come from the 3 x 3 neighbourhood by Horn's weights (1981),
-- which count the four direct neighbours twice.

local M = {}

-- z        heights in metres, with a border of one cell around `shade`
-- shade    what to fill, 0 (dark) to 1 (lit at a right angle)
-- dx, dy   size of a cell in metres
-- sx, sy, sz   unit vector to the sun: east, south, up
function M.hillshade(i, j, z, shade, dx, dy, sx, sy, sz)
  local north, here, south = z[i], z[i + 1], z[i + 2]
  local nw, n, ne = north[j], north[j + 1], north[j + 2]
  local w, e = here[j], here[j + 2]
  local sw, s, se = south[j], south[j + 1], south[j + 2]

  local gx = ((ne + 2 * e + se) - (nw + 2 * w + sw)) / (8 * dx)
  local gy = ((sw + 2 * s + se) - (nw + 2 * n + ne)) / (8 * dy)

  -- The surface's normal is (-gx, -gy, 1); its cosine with the sun's ray.
  local lit = (sz - gx * sx - gy * sy) / math.sqrt(1 + gx * gx + gy * gy)
  shade[i][j] = math.max(0, lit)
end

return M
