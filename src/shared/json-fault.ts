/**
 * What is wrong with a text that JSON.parse refused, of what it said: the place, if it told one. Its own words quote
 * the text around the fault, which may hold a password or somebody's data.
 */
export function jsonFault(parserMessage: string): string {
  const place = /position \d+( \(line \d+ column \d+\))?/.exec(parserMessage)
  return place === null ? 'not valid JSON' : `not valid JSON (at ${place[0]})`
}
