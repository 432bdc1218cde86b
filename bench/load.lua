-- The load: what is asked is a line of a file, by chance. Arguments: FILE, or FILE CONTENT-TYPE to send it as a body.
local lines, body = {}, nil

function init(arguments)
  math.randomseed(20260101)
  if arguments[2] then
    local file = assert(io.open(arguments[1], "rb"))
    body = file:read("*a")
    file:close()
    local headers = { ["Content-Type"] = arguments[2], ["Accept"] = arguments[2] }
    body = wrk.format("POST", nil, headers, body)
  else
    for line in io.lines(arguments[1]) do lines[#lines + 1] = wrk.format("GET", line) end
  end
end

function request()
  return body or lines[math.random(#lines)]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\nLOAD {"requests": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f, "failed": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
