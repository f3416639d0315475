export type { CipherContractSubject } from './lib/testing/cipher-contract.ts';
export { cipherContract } from './lib/testing/cipher-contract.ts';
export type { ContractCase, StoreContractSubject } from './lib/testing/contract-case.ts';
export { storeContract } from './lib/testing/store-contract.ts';
