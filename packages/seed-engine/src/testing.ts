export type { ContractCase, StoreContractSubject } from './lib/testing/contract-case.ts';
export { storeContract } from './lib/testing/store-contract.ts';
