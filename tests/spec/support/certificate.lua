-- certificate.lua - certificates for one test, good and bad, made by the openssl program.

local spec = require "spec"

local certificate = {}

local function openssl(...)
  local child = spec.process { "openssl", ... }
  while child:read_line(20) do end -- its output is of no interest
  local code = child:wait(20)
  if code ~= 0 then error(("openssl ended with %s: %s"):format(code, child:errors()), 3) end
end

--- A certificate that vouches for itself. `names` is what it is for: "IP:127.0.0.1" unless told.
--- Returns the paths of the certificate and of its key.
---@param names string?
---@return string certificate, string key
function certificate.make(names)
  local folder = spec.tmpdir()
  local file, key = folder .. "/certificate.pem", folder .. "/key.pem"
  openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
    "-days", "2", "-subj", "/CN=moonwick test", "-addext",
    "subjectAltName=" .. (names or "IP:127.0.0.1"), "-keyout", key, "-out", file)
  return file, key
end

local authority = [[
[ca]
default_ca = test
[test]
database = %s/index.txt
new_certs_dir = %s
default_md = sha256
policy = any
rand_serial = yes
x509_extensions = host
[any]
commonName = supplied
[host]
subjectAltName = IP:127.0.0.1
]]

--- One for 127.0.0.1 whose time is over. Returns certificate, key and the authority that signed it.
---@return string certificate, string key, string authority
function certificate.make_expired()
  local signer, signer_key = certificate.make("DNS:authority")
  local folder = spec.tmpdir()
  local file, key, request = folder .. "/old.pem", folder .. "/key.pem", folder .. "/request.pem"
  local config = spec.file("ca.cnf", authority:format(folder, folder))
  assert(io.open(folder .. "/index.txt", "w")):close()
  openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
    "/CN=moonwick test", "-keyout", key, "-out", request)
  openssl("ca", "-batch", "-notext", "-config", config, "-cert", signer, "-keyfile", signer_key,
    "-startdate", "20200101000000Z", "-enddate", "20200102000000Z", "-in", request, "-out", file)
  return file, key, signer
end

return certificate
