/**
 * The items in the order of one agency, by the digits of `agency - 1` in the factorial number system: item (agency - 1)
 * mod n is the first, the quotient mod n - 1 gives the distance to the second one among the other items, and so on.
 *
 * Agencies with consecutive ids are spread evenly over the first items, and those with the same first item evenly over
 * the second ones. The agencies of a server that ends are thus divided among all other servers.
 *
 * @param agency the agency's id, from 1 on.
 */
export function orderForAgency<Item>(agency: number, items: readonly Item[]): Item[] {
  const left = Array.from(items);
  const order: Item[] = [];
  let quotient = agency - 1;
  let at = 0;
  while (left.length > 0) {
    at = (at + (quotient % left.length)) % left.length;
    quotient = Math.floor(quotient / left.length);
    order.push(...left.splice(at, 1));
  }
  return order;
}
