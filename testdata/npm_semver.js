// Reads [[range, [version, ...]], ...] as JSON from standard input and writes, for each pair,
// whether npm's semver admits the version: 1 or 0, or null for a range that it refuses.
// The argument is the directory in which npm is installed (npm root -g).
const root = process.argv[2]
const semver = require(require.resolve('semver', { paths: [root + '/npm', root] }))
const cases = JSON.parse(require('fs').readFileSync(0, 'utf8'))
const answers = cases.map(([range, versions]) =>
  semver.validRange(range) === null ? null : versions.map((v) => (semver.satisfies(v, range) ? 1 : 0)))
process.stdout.write(JSON.stringify(answers))
