import { expect } from 'chai';
import { certifiedAgency } from '../../../../apps/protocol/certified_agency';

describe('certifiedAgency', () => {
  const cases: [uris: string[], agency: number | undefined][] = [
    [['urn:lottery:agency:7'], 7],
    [['urn:lottery:agency:1000000'], 1_000_000],
    [['https://lottery.example/', 'urn:lottery:agency:7'], 7],
    [[], undefined],
    [['https://lottery.example/'], undefined],
    [['urn:lottery:agency:7', 'urn:lottery:agency:8'], undefined],
    [['urn:lottery:agency:7', 'urn:lottery:agency:7'], undefined],
    [['urn:lottery:agency:7', 'urn:lottery:agency:*'], undefined],
    [['urn:lottery:agency:'], undefined],
    [['urn:lottery:agency:0'], undefined],
    [['urn:lottery:agency:07'], undefined],
    [['urn:lottery:agency:+7'], undefined],
    [['urn:lottery:agency:7 '], undefined],
    [['urn:lottery:agency:7\0'], undefined],
    [['urn:lottery:agency:*'], undefined],
    [[' urn:lottery:agency:7'], undefined],
  ];
  for (const [uris, agency] of cases) {
    it(`of ${JSON.stringify(uris)} is ${agency}`, () => {
      expect(certifiedAgency(uris)).to.equal(agency);
    });
  }
});
