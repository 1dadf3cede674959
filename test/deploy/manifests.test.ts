// What deploy/ installs: the promises about availability, hardening, rights and the network that only manifests keep.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { loadAll } from 'js-yaml';

interface Rule { readonly apiGroups: string[]; readonly resources: string[]; readonly resourceNames?: string[]; readonly verbs: string[] }

const DEPLOY = new URL('../../deploy/', import.meta.url);
const NAME = { 'app.kubernetes.io/name': 'tenant-mtls' };

const read = <T>(path: string): T[] => loadAll(readFileSync(new URL(path, DEPLOY), 'utf8')) as T[];
const readOne = <T>(path: string): T => read<T>(path)[0] as T;

interface Deployment {
  readonly spec: {
    readonly replicas: number;
    readonly template: { readonly metadata: { readonly labels: object }; readonly spec: PodSpec };
  };
}
interface PodSpec {
  readonly affinity: { readonly podAntiAffinity: { readonly preferredDuringSchedulingIgnoredDuringExecution: { readonly podAffinityTerm: object }[] } };
  readonly priorityClassName: string;
  readonly securityContext: object;
  readonly containers: { readonly securityContext: object; readonly resources: { readonly requests: object }; readonly ports: { readonly name: string; readonly containerPort: number }[]; readonly env: { readonly name: string; readonly value?: string }[] }[];
}

describe('deploy/', () => {
  const { spec } = readOne<Deployment>('base/deployment.yaml');
  const { template } = spec;
  const [container] = template.spec.containers;

  it('runs two replicas on different nodes where it can, one of which survives a drain', () => {
    assert.equal(spec.replicas, 2);
    const [{ podAffinityTerm } = { podAffinityTerm: {} }] = template.spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution;
    assert.deepEqual(podAffinityTerm, { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: NAME } });
    const { spec: budget } = readOne<{ spec: object }>('base/pod-disruption-budget.yaml');
    assert.deepEqual(budget, { maxUnavailable: 1, selector: { matchLabels: NAME } });
    assert.deepEqual(template.metadata.labels, NAME);
  });

  it('asks for what it needs, before ordinary pods', () => {
    assert.deepEqual(container?.resources.requests, { cpu: '50m', memory: '128Mi' });
    const { metadata, value } = readOne<{ metadata: { name: string }; value: number }>('base/priority-class.yaml');
    assert.equal(template.spec.priorityClassName, metadata.name);
    assert.ok(value > 0);
  });

  it('is as hard as the level restricted asks for, which its namespace enforces, and harder', () => {
    assert.equal(readOne<{ metadata: { labels: Record<string, string> } }>('base/namespace.yaml').metadata.labels['pod-security.kubernetes.io/enforce'], 'restricted');
    assert.deepEqual(template.spec.securityContext, { runAsNonRoot: true, runAsUser: 65_532, runAsGroup: 65_532, seccompProfile: { type: 'RuntimeDefault' } });
    assert.deepEqual(container?.securityContext, { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } });
  });

  it('injects a pinned official nginx from 1.30 on', () => {
    const image = container?.env.find(({ name }) => name === 'NGINX_IMAGE')?.value ?? '';
    const [, minor] = /^nginxinc\/nginx-unprivileged:1\.(\d+)\.\d+-alpine$/.exec(image) ?? [];
    assert.ok(Number(minor) >= 30, image);
  });

  it('grants rights one by one: no wildcard, and nothing of RBAC', () => {
    const roles = ['base/cluster-role.yaml', 'base/role.yaml'].flatMap((path) => read<{ kind: string; rules?: Rule[] }>(path));
    const rules = roles.flatMap((role) => role.rules ?? []);
    assert.ok(rules.length > 10);
    for (const { apiGroups, resources, verbs } of rules) {
      assert.deepEqual([...apiGroups, ...resources, ...verbs].filter((word) => ['*', 'bind', 'escalate', 'impersonate', 'rbac.authorization.k8s.io'].includes(word)), []);
    }
  });

  it('lets the API server in, and the operator out to API servers on their usual ports, DNS and sidecars', () => {
    interface Ports { readonly ports: { readonly port: string | number; readonly protocol?: string }[] }
    const policy = readOne<{ spec: { podSelector: object; policyTypes: string[]; ingress: Ports[]; egress: Ports[] } }>('base/network-policy.yaml').spec;
    assert.deepEqual([policy.podSelector, policy.policyTypes], [{ matchLabels: NAME }, ['Ingress', 'Egress']]);
    const ports = (rules: Ports[]) => rules.flatMap((rule) => rule.ports.map(({ port, protocol = 'TCP' }) => `${protocol} ${port}`)).sort();
    assert.deepEqual(ports(policy.ingress), ['TCP metrics', 'TCP webhook']);
    assert.deepEqual(ports(policy.egress), ['TCP 15643', 'TCP 16443', 'TCP 443', 'TCP 53', 'TCP 6443', 'TCP 8443', 'UDP 53']);
    assert.deepEqual(container?.ports, [{ name: 'webhook', containerPort: 10_250 }, { name: 'metrics', containerPort: 8080 }]);
  });
});

describe('deploy/overlays/listed-namespaces', () => {
  interface Binding { readonly kind: string; readonly metadata: { readonly namespace?: string }; readonly roleRef: { readonly kind: string; readonly name: string } }

  it('binds the rights of a namespace in exactly the namespaces that the operator watches', () => {
    const bindings = read<Binding>('overlays/listed-namespaces/role-bindings.yaml');
    const text = readFileSync(new URL('overlays/listed-namespaces/kustomization.yaml', DEPLOY), 'utf8');
    assert.deepEqual(bindings.map(({ kind, roleRef }) => `${kind} ${roleRef.kind}/${roleRef.name}`), bindings.map(() => 'RoleBinding ClusterRole/tenant-mtls-namespaced'));
    assert.deepEqual(bindings.map(({ metadata }) => metadata.namespace).join(','), /--watch-namespaces=(\S+)/.exec(text)?.[1]);
    assert.match(text, /\$patch: delete[\s\S]*kind: ClusterRoleBinding[\s\S]*name: tenant-mtls-namespaced/);
  });
});
