/** Where a cluster of the tests has its files, and what it is called by. */
export interface ClusterPlaces {
  readonly at: (name: string) => string;
  readonly user: string;
  readonly node: string;
  readonly ports: { readonly controller: number; readonly node: number };
  /** Lines that name its accounting, where it keeps one. */
  readonly accounting: readonly string[];
}

/** slurm.conf of a controller and one node on this machine, all of it in one folder. */
export function slurmConf({ at, user, node, ports, accounting }: ClusterPlaces): string {
  const lines = [
    'ClusterName=shieldtest',
    `SlurmctldHost=${node}(127.0.0.1)`,
    `SlurmUser=${user}`,
    `SlurmdUser=${user}`,
    `AuthInfo=socket=${at('munge.socket')}`,
    `SlurmctldPort=${ports.controller}`,
    `SlurmdPort=${ports.node}`,
    `StateSaveLocation=${at('state')}`,
    `SlurmdSpoolDir=${at('spool')}`,
    `SlurmctldPidFile=${at('slurmctld.pid')}`,
    `SlurmdPidFile=${at('slurmd.pid')}`,
    `SlurmctldLogFile=${at('slurmctld.log')}`,
    `SlurmdLogFile=${at('slurmd.log')}`,
    'ProctrackType=proctrack/linuxproc',
    'TaskPlugin=task/none',
    'MpiDefault=none',
    'SelectType=select/cons_tres',
    'SelectTypeParameters=CR_Core_Memory',
    'JobAcctGatherType=jobacct_gather/linux',
    'JobAcctGatherFrequency=1',
    'JobAcctGatherParams=OverMemoryKill',
    'ReturnToService=2',
    'KillWait=10',
    // So that two dozen cells are several array jobs.
    'MaxArraySize=11',
    'SlurmdTimeout=10',
    'SlurmdParameters=config_overrides',
    'SchedulerParameters=sched_interval=1,sched_min_interval=0,batch_sched_delay=0',
    // A job of the partition `urgent` takes the place of others.
    'PreemptType=preempt/partition_prio',
    'PreemptMode=CANCEL',
    // Whatever this machine has: cells are small.
    `NodeName=${node} NodeAddr=127.0.0.1 CPUs=2 RealMemory=8000 State=UNKNOWN`,
    `PartitionName=main Nodes=${node} Default=YES MaxTime=INFINITE State=UP`,
    `PartitionName=short Nodes=${node} MaxTime=1 State=UP`,
    `PartitionName=urgent Nodes=${node} PriorityTier=10 State=UP`,
    ...accounting,
  ];
  return `${lines.join('\n')}\n`;
}
